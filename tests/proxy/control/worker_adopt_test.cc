// A worker that goes over to another snapshot in the middle of its load.
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

class WorkerAdoptTest : public WorkerFixture {
 protected:
  void Adopt(conf::Config config) {
    snapshot_ = NewSnapshot(std::move(config));
    worker_->Adopt(snapshot_);
    Settle();
  }
  static conf::Config ThreeNodes() {
    conf::Config config = TwoNodes();
    config.pools[0].nodes.push_back({"r2", {"10.0.0.3", 1, ""}, 1});
    return config;
  }
  static conf::Config OneNode() {
    conf::Config config = TwoNodes();
    config.pools[0].nodes.pop_back();
    return config;
  }
  static conf::Config Reversed() {
    conf::Config config = TwoNodes();
    std::ranges::reverse(config.pools[0].nodes);
    return config;
  }
  // One timeout opens the breaker: nobody checks the nodes, so time alone judges them.
  static conf::Config Impatient() {
    conf::Config config = TwoNodes();
    config.pools[0].breaker.consecutive_failures = 1;
    config.pools[0].health.interval = 0s;
    return config;
  }
  // r1's. Returns the client whose request it has not answered.
  test::FakeSocket& StartWithAnOpenBreaker() {
    Start(Impatient());
    test::FakeSocket& client = NewClient();
    Ask(client, KeyOf(1));
    loop_.Advance(1s);
    Settle();
    return client;
  }
  void Ready(test::FakeSocket& node) {
    node.observer->OnConnected(0);
    node.Receive("+PONG\r\n");
    node.TakeWritten();
    Settle();
  }
  void Ask(test::FakeSocket& client, const std::string& key) {
    client.Receive(Encode({"GET", key}));
    Settle();
  }
  // A node's reply, and what the client reads then.
  std::string Reply(test::FakeSocket& node, test::FakeSocket& client, const std::string& reply) {
    node.Receive(reply);
    Settle();
    return client.TakeWritten();
  }
};

TEST_F(WorkerAdoptTest, NodesThatStayKeepTheirConnectionsAndWhatIsUnderWay) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string keys[] = {KeyOf(0), KeyOf(1)};
  Ask(client, keys[0]);
  Ask(client, keys[1]);
  Adopt(Reversed());
  EXPECT_EQ(loop_.sockets(), 3U) << "nobody is connected to anew";
  Ask(client, keys[0]);
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", keys[0]}) + Encode({"GET", keys[0]}));
  EXPECT_EQ(Reply(Node(1), client, "+second\r\n"), "");
  EXPECT_EQ(Reply(Node(0), client, "+first\r\n+third\r\n"), "+first\r\n+second\r\n+third\r\n");
  EXPECT_EQ(nodes_.Get("main", "r0")->stats(0).requests.value(), 2U);
  EXPECT_EQ(nodes_.Get("main", "r0")->stats(0).in_flight.value(), 0U);
}

TEST_F(WorkerAdoptTest, AnIdleSnapshotIsHandedBackAtOnce) {
  Start();
  const std::weak_ptr<const Snapshot> old = snapshot_;
  Adopt(Reversed());
  ASSERT_EQ(handed_back_.size(), 1U);
  EXPECT_EQ(worker_->old_snapshots(), 0U);
  handed_back_.clear();
  EXPECT_TRUE(old.expired()) << "nobody in the worker holds it still";
}

TEST_F(WorkerAdoptTest, OfTwoSnapshotsInOneTurnTheLaterOneCounts) {
  Start();
  worker_->Adopt(NewSnapshot(OneNode()));
  Adopt(ThreeNodes());
  EXPECT_EQ(handed_back_.size(), 2U);
  EXPECT_EQ(worker_->snapshot().pools[0].nodes.size(), 3U);
  EXPECT_FALSE(Node(1).closed());
}

TEST_F(WorkerAdoptTest, ANewNodeIsConnectedToAndServes) {
  Start();
  Adopt(ThreeNodes());
  ASSERT_EQ(loop_.sockets(), 3U);
  test::FakeSocket& added = loop_.last_socket();
  EXPECT_EQ(added.endpoint.host, "10.0.0.3");
  Ready(added);
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(2);
  Ask(client, key);
  EXPECT_EQ(added.TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Reply(added, client, "+x\r\n"), "+x\r\n");
}

TEST_F(WorkerAdoptTest, ARemovedNodeAnswersWhatItHasAndCloses) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(1);
  Ask(client, key);
  Adopt(OneNode());
  EXPECT_FALSE(Node(1).closed());
  EXPECT_EQ(worker_->leaving_nodes(), 1U);
  Ask(client, key);
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", key})) << "it is the other's now";
  EXPECT_EQ(Reply(Node(0), client, "+new\r\n"), "");
  EXPECT_EQ(Reply(Node(1), client, "+old\r\n"), "+old\r\n+new\r\n");
  EXPECT_TRUE(Node(1).closed());
  EXPECT_EQ(worker_->leaving_nodes(), 0U);
}

TEST_F(WorkerAdoptTest, ARemovedNodeThatDoesNotAnswerClosesAtTheDeadline) {
  Start();
  test::FakeSocket& client = NewClient();
  Ask(client, KeyOf(1));
  Adopt(OneNode());
  loop_.Advance(1s);
  Settle();
  EXPECT_TRUE(client.TakeWritten().starts_with("-TIMEOUT "));
  EXPECT_TRUE(Node(1).closed());
  EXPECT_EQ(worker_->leaving_nodes(), 0U);
}

TEST_F(WorkerAdoptTest, WhatIsInTheBatchOfARemovedNodeStillLeaves) {
  Start();
  test::FakeSocket& client = NewClient();
  NewClient();  // With two clients small batches wait for a turn.
  const std::string key = KeyOf(1);
  client.Receive(Encode({"GET", key}));
  worker_->Adopt(NewSnapshot(OneNode()));
  Settle();
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Reply(Node(1), client, "+x\r\n"), "+x\r\n");
  EXPECT_TRUE(Node(1).closed());
}

TEST_F(WorkerAdoptTest, ANodeWithAnotherAddressIsAnotherServerWithTheSameName) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(1);
  Ask(client, key);
  conf::Config moved = TwoNodes();
  moved.pools[0].nodes[1].address.host = "10.0.0.9";
  Adopt(moved);
  ASSERT_EQ(loop_.sockets(), 4U);
  test::FakeSocket& there = loop_.last_socket();
  EXPECT_EQ(there.endpoint.host, "10.0.0.9");
  Ready(there);
  Ask(client, key);
  EXPECT_EQ(Reply(there, client, "+there\r\n"), "");
  EXPECT_EQ(Reply(Node(1), client, "+here\r\n"), "+here\r\n+there\r\n");
  EXPECT_TRUE(Node(1).closed());
  EXPECT_EQ(nodes_.Get("main", "r1")->stats(0).requests.value(), 2U);
  EXPECT_EQ(nodes_.Get("main", "r1")->stats(0).ready_connections.value(), 1U);
}

TEST_F(WorkerAdoptTest, TheBreakerOfANodeThatLeavesIsNobodysConcern) {
  StartWithAnOpenBreaker();
  ASSERT_EQ(observer_.news.size(), 1U);
  const auto record = observer_.news[0].node;
  EXPECT_EQ(record->stats(0).breaker_state.value(), 1U);
  Adopt(OneNode());
  ASSERT_EQ(observer_.news.size(), 2U);
  EXPECT_EQ(observer_.news[1].state, backends::CircuitBreaker::BreakerState::kClosed);
  EXPECT_EQ(record->stats(0).breaker_state.value(), 0U);
  loop_.Advance(10s);
  Settle();
  EXPECT_EQ(observer_.news.size(), 2U);
}

TEST_F(WorkerAdoptTest, KeepsTheBreakerOfANodeThatStays) {
  test::FakeSocket& client = StartWithAnOpenBreaker();
  client.TakeWritten();
  conf::Config config = Impatient();
  std::ranges::reverse(config.pools[0].nodes);
  Adopt(config);
  Ask(client, KeyOf(0));
  EXPECT_TRUE(client.TakeWritten().starts_with("-NODEDOWN ")) << "r1, which is index 0 now, is still cut off";
}

TEST_F(WorkerAdoptTest, AReadThatIsAskedAgainGoesByTheSnapshotOfItsBeginning) {
  conf::Config config = TwoNodes();
  config.pools[0].retries.max = 1;
  Start(config);
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(1);
  Ask(client, key);
  Node(1).TakeWritten();
  conf::Config reversed = config;
  std::ranges::reverse(reversed.pools[0].nodes);
  Adopt(reversed);
  EXPECT_EQ(worker_->old_snapshots(), 1U);
  EXPECT_TRUE(handed_back_.empty());
  Node(1).end_of_stream = true;
  Node(1).observer->OnReadable();
  Settle();
  Ready(loop_.last_socket());
  for (int ms = 0; ms < 10; ++ms) {
    loop_.Advance(1ms);
    Settle();
  }
  EXPECT_EQ(Node(0).TakeWritten(), "");
  EXPECT_EQ(loop_.last_socket().TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(worker_->old_snapshots(), 1U);
  EXPECT_EQ(Reply(loop_.last_socket(), client, "+x\r\n"), "+x\r\n");
  EXPECT_EQ(worker_->old_snapshots(), 0U);
  EXPECT_EQ(handed_back_.size(), 1U);
}

TEST_F(WorkerAdoptTest, CountsTheLoadOfABoundedRingAcrossTheChange) {
  conf::Config config = TwoNodes();
  config.pools[0].ring.load_bound = {1250};
  Start(config);
  test::FakeSocket& client = NewClient();
  for (int i = 0; i < 8; ++i) Ask(client, KeyOf(0));
  const size_t first = static_cast<size_t>(std::ranges::count(Node(0).TakeWritten(), '*'));
  const size_t second = static_cast<size_t>(std::ranges::count(Node(1).TakeWritten(), '*'));
  EXPECT_EQ(first + second, 8U);
  std::ranges::reverse(config.pools[0].nodes);
  Adopt(config);
  for (int i = 0; i < 8; ++i) Ask(client, KeyOf(0));
  const size_t more_first = static_cast<size_t>(std::ranges::count(Node(0).TakeWritten(), '*'));
  const size_t more_second = static_cast<size_t>(std::ranges::count(Node(1).TakeWritten(), '*'));
  EXPECT_EQ(more_first + more_second, 8U);
  EXPECT_LE(first + more_first, 10U);
  EXPECT_LE(second + more_second, 10U);
  for (size_t i = 0; i < first + more_first; ++i) Node(0).Receive("+x\r\n");
  for (size_t i = 0; i < second + more_second; ++i) Node(1).Receive("+x\r\n");
  Settle();
  EXPECT_EQ(std::ranges::count(client.written, '+'), 16);
}

TEST_F(WorkerAdoptTest, ALimitThatStaysGoesOnFromWhereItIs) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "slow";
  limit.rate = {.amount = 1, .window = 3600s};
  limit.burst = 2;
  Start(config);
  test::FakeSocket& client = NewClient();
  const auto get = [&] {
    Ask(client, KeyOf(0));
    if (Node(0).TakeWritten().empty() && Node(1).TakeWritten().empty()) return client.TakeWritten();
    return std::string("asked");
  };
  EXPECT_EQ(get(), "asked");
  config.limits.insert(config.limits.begin(), config.limits[0]);
  config.limits[0].name = "other";
  config.limits[0].burst = 100;
  Adopt(config);
  EXPECT_EQ(get(), "asked");
  Reply(Node(0), client, "+x\r\n+x\r\n");
  EXPECT_TRUE(get().starts_with("-RATELIMITED ")) << "its bucket is as empty as before";
  EXPECT_EQ(LimitCounts(1).refused.value(), 1U);
  config.limits.clear();
  Adopt(config);
  EXPECT_EQ(get(), "asked");
}

TEST_F(WorkerAdoptTest, APlaceGoesBackToTheLimitThatGaveIt) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "narrow";
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = 1;
  Start(config);
  const auto record = snapshot_->limits->rules()[0].record;
  test::FakeSocket& client = NewClient();
  Ask(client, KeyOf(0));
  EXPECT_EQ(record->table().size(), 1U);
  conf::Config without = TwoNodes();
  Adopt(without);
  EXPECT_EQ(worker_->old_snapshots(), 1U) << "the limit hears of the reply";
  EXPECT_EQ(Reply(Node(0), client, "+x\r\n"), "+x\r\n");
  EXPECT_EQ(record->table().size(), 0U);
  EXPECT_EQ(worker_->old_snapshots(), 0U);
  EXPECT_EQ(worker_->limiter().followed(), 0U);
}

TEST_F(WorkerAdoptTest, ARequestThatWaitsForALimitThatIsGoneIsServedInItsTime) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "slow";
  limit.rate = {.amount = 10};
  limit.burst = 1;
  limit.action = conf::LimitAction::kDelay;
  Start(config);
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(1);
  client.Receive(Encode({"GET", key}) + Encode({"GET", key}));
  Settle();
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", key}));
  EXPECT_EQ(Reply(Node(1), client, "+1\r\n"), "+1\r\n");
  Adopt(OneNode());
  EXPECT_EQ(worker_->old_snapshots(), 1U);
  loop_.Advance(100ms);
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", key})) << "it is routed by what is in force";
  EXPECT_EQ(worker_->old_snapshots(), 0U);
  EXPECT_EQ(Reply(Node(0), client, "+2\r\n"), "+2\r\n");
}

TEST_F(WorkerAdoptTest, ClientsOfAListenerHeedItsNewLimits) {
  Start();
  test::FakeSocket& client = NewClient();
  conf::Config config = TwoNodes();
  config.listeners[0].limits.key_bytes = 4;
  config.listeners[0].limits.requests_in_flight = 1;
  Adopt(config);
  Ask(client, "too-long");
  EXPECT_TRUE(client.TakeWritten().starts_with("-ERR ")) << client.written;
  client.Receive(Encode({"GET", "a"}) + Encode({"GET", "a"}));
  Settle();
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), Encode({"GET", "a"}));
}

TEST_F(WorkerAdoptTest, ASplitRequestKnowsTheNodesThatThereAreNow) {
  Start();
  Adopt(ThreeNodes());
  Ready(loop_.last_socket());
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"MGET", KeyOf(0), KeyOf(1), KeyOf(2)}));
  Settle();
  for (const size_t i : {0U, 1U, 2U}) {
    EXPECT_NE(Node(i).TakeWritten(), "");
    Node(i).Receive("*1\r\n$1\r\n" + std::to_string(i) + "\r\n");
  }
  Settle();
  EXPECT_EQ(client.TakeWritten(), "*3\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n");
}

TEST_F(WorkerAdoptTest, TheWordOfTheProcessReachesANodeByItsRecord) {
  Start();
  Adopt(Reversed());
  worker_->Tell(*nodes_.Get("main", "r1"), &backends::NodePool::Disable);
  EXPECT_TRUE(Node(1).closed());
  EXPECT_FALSE(Node(0).closed());
  Adopt(OneNode());
  worker_->Tell(*nodes_.Get("main", "r1"), &backends::NodePool::Enable);
  EXPECT_EQ(loop_.sockets(), 2U) << "it means nothing to a worker without the node";
}

}  // namespace
}  // namespace ringproxy::proxy
