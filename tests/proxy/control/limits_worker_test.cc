// Clients that meet limits, around a whole worker: what they read, who waits, and who does not.
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

class LimitsWorkerTest : public WorkerFixture {
 protected:
  // Ten a second, `burst` at once; keys that begin with "k" are met.
  static conf::Limit TenASecond(uint64_t burst) {
    conf::Limit limit;
    limit.name = "slow";
    limit.match.prefix = {"k"};
    limit.rate = {.amount = 10};
    limit.burst = burst;
    return limit;
  }
  static conf::Limit Delaying(conf::Limit limit) {
    limit.action = conf::LimitAction::kDelay;
    limit.max_wait = 1s;
    return limit;
  }
  void StartWith(conf::Limit limit, conf::Config config = TwoNodes()) {
    config.limits = {std::move(limit)};
    Start(std::move(config));
    key_ = KeyOf(0);
    get_ = Encode({"GET", key_});
  }
  void Ask(test::FakeSocket& client, const std::string& requests) {
    client.Receive(requests);
    Settle();
  }
  void Reply(const std::string& replies, size_t node = 0) {
    Node(node).Receive(replies);
    Settle();
  }
  void Advance(net::Duration by) {
    loop_.Advance(by);
    Settle();
  }

  std::string key_;  // Of node 0.
  std::string get_;
};

TEST_F(LimitsWorkerTest, ARefusalStandsInItsPlaceInThePipeline) {
  StartWith(TenASecond(1));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_ + Encode({"PING"}));
  EXPECT_EQ(Node(0).TakeWritten(), get_);
  EXPECT_EQ(client.TakeWritten(), "") << "its replies keep their order";
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(client.TakeWritten(), "$1\r\nv\r\n-RATELIMITED retry_after_ms=100 limit=slow\r\n+PONG\r\n");
  EXPECT_EQ(stats_->errors[static_cast<size_t>(wire::ErrorCode::kRateLimited)].value(), 1U);
  EXPECT_EQ(LimitCounts(0).refused.value(), 1U);
}

TEST_F(LimitsWorkerTest, ARefusedFanOutAsksNoNode) {
  conf::Limit limit = TenASecond(3);
  limit.cost = conf::LimitCost::kCommand;
  StartWith(limit);
  test::FakeSocket& client = NewClient();
  Ask(client, Encode({"MGET", KeyOf(0), KeyOf(1)}) + Encode({"MGET", KeyOf(0), KeyOf(1)}));
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"MGET", KeyOf(0)}));
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"MGET", KeyOf(1)}));
  Reply("*1\r\n$1\r\na\r\n", 0);
  Reply("*1\r\n$1\r\nb\r\n", 1);
  EXPECT_EQ(client.TakeWritten(), "*2\r\n$1\r\na\r\n$1\r\nb\r\n-RATELIMITED retry_after_ms=100 limit=slow\r\n");
}

TEST_F(LimitsWorkerTest, ADelayKeepsTheClientsOrderAndStopsNobodyElse) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  const std::string free = Encode({"GET", "x" + KeyOf(0)});
  Ask(client, get_ + Encode({"SET", key_, "w"}) + free + Encode({"PING"}));
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), get_);
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(client.TakeWritten(), "$1\r\nv\r\n");
  EXPECT_FALSE(client.watches_reads);
  Ask(other, Encode({"PING"}));
  EXPECT_EQ(other.TakeWritten(), "+PONG\r\n");
  Advance(99ms);
  EXPECT_EQ(Node(0).TakeWritten() + Node(1).TakeWritten(), "");
  Advance(1ms);
  // Both are sent in one turn, the delayed one first.
  EXPECT_TRUE(client.watches_reads);
  const std::string sent = Node(0).TakeWritten();
  EXPECT_TRUE(sent.starts_with(Encode({"SET", key_, "w"})));
  const bool is_here = sent.ends_with(free);
  if (!is_here) {
    EXPECT_EQ(Node(1).TakeWritten(), free);
    Reply("$-1\r\n", 1);
  }
  Reply(is_here ? "+OK\r\n$-1\r\n" : "+OK\r\n");
  EXPECT_EQ(client.TakeWritten(), "+OK\r\n$-1\r\n+PONG\r\n");
}

TEST_F(LimitsWorkerTest, ADelayedRequestOfAnySizeIsSentAsItCame) {
  for (const size_t size : {size_t{100}, size_t{1} << 20}) {
    StartWith(Delaying(TenASecond(1)));
    test::FakeSocket& client = NewClient();
    const std::string set = Encode({"SET", key_, std::string(size, 'v')});
    Ask(client, get_ + set + get_);
    Node(0).TakeWritten();
    Ask(client, std::string(size, 'x'));  // Its buffers are used for other things meanwhile.
    Advance(100ms);
    EXPECT_EQ(Node(0).TakeWritten(), set);
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

TEST_F(LimitsWorkerTest, ManyDelayedRequestsOfOneClientGoOneAfterTheOther) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_ + get_ + get_);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Node(0).TakeWritten(), get_) << i;
    Reply("$-1\r\n");
    EXPECT_EQ(client.TakeWritten(), "$-1\r\n");
    Advance(100ms);
  }
  EXPECT_EQ(LimitCounts(0).delayed.value(), 3U);
  EXPECT_EQ(LimitCounts(0).waiting.value(), 0U);
}

TEST_F(LimitsWorkerTest, AClientThatLeavesWhileItsRequestWaitsIsForgotten) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_);
  Node(0).TakeWritten();
  client.error = ECONNRESET;
  client.watches_reads = true;
  client.observer->OnReadable();
  Settle();
  EXPECT_TRUE(client.closed());
  test::FakeSocket& next = NewClient();  // In the same place of the worker's table.
  Advance(1s);
  EXPECT_EQ(Node(0).TakeWritten(), "");
  EXPECT_EQ(next.TakeWritten(), "");
  EXPECT_EQ(LimitCounts(0).waiting.value(), 0U);
  Ask(next, get_);
  EXPECT_EQ(Node(0).TakeWritten(), get_);
}

TEST_F(LimitsWorkerTest, APlaceOfAClientThatHasLeftIsFreeAgain) {
  conf::Limit limit;
  limit.name = "few";
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = 1;
  conf::Config config = TwoNodes();
  config.limits = {limit, Delaying(TenASecond(1))};
  Start(std::move(config));
  const std::string get = Encode({"GET", KeyOf(0)});
  test::FakeSocket& client = NewClient();
  Ask(client, get);
  Reply("$-1\r\n");
  Ask(client, get);
  client.error = ECONNRESET;
  client.watches_reads = true;
  client.observer->OnReadable();
  Settle();
  // Its request is let through now, and nobody sends it.
  Advance(100ms);
  EXPECT_EQ(LimitCounts(0).admitted.value(), 2U);
  Node(0).TakeWritten();
  test::FakeSocket& next = NewClient();
  Ask(next, Encode({"GET", "free"}));
  EXPECT_EQ(next.TakeWritten(), "") << "it has been sent";
  // The reply of a request whose client has left frees its place, too.
  next.error = ECONNRESET;
  next.observer->OnReadable();
  Settle();
  for (size_t node = 0; node < 2; ++node) {
    if (!Node(node).TakeWritten().empty()) Reply("$-1\r\n", node);
  }
  test::FakeSocket& last = NewClient();
  Advance(1s);
  Ask(last, get);
  EXPECT_EQ(Node(0).TakeWritten(), get);
}

// See semantics.md 12.
TEST_F(LimitsWorkerTest, AHalfClosedClientGetsTheReplyForWhichItWaits) {
  StartWith(Delaying(TenASecond(1)));
  for (const bool more_follows : {false, true}) {
    Advance(1s);
    test::FakeSocket& client = NewClient();
    Ask(client, get_ + get_ + (more_follows ? Encode({"PING"}) : ""));
    Node(0).TakeWritten();
    Reply("$-1\r\n");
    client.ReceiveEnd();
    Settle();
    EXPECT_FALSE(client.closed());
    Advance(100ms);
    EXPECT_EQ(Node(0).TakeWritten(), get_);
    Reply("$1\r\nv\r\n");
    EXPECT_EQ(client.TakeWritten(), std::string("$-1\r\n$1\r\nv\r\n") + (more_follows ? "+PONG\r\n" : ""));
    if (client.watches_reads) client.ReceiveEnd();  // The loop tells it again to whoever reads on.
    Settle();
    EXPECT_TRUE(client.closed());
  }
}

TEST_F(LimitsWorkerTest, ADrainingWorkerSendsWhatWaits) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_ + get_);
  Node(0).TakeWritten();
  Reply("$-1\r\n");
  bool drained = false;
  worker_->Drain([&] { drained = true; });
  Settle();
  EXPECT_FALSE(drained);
  Advance(100ms);
  EXPECT_EQ(Node(0).TakeWritten(), get_);
  Reply("$1\r\nv\r\n");
  EXPECT_EQ(client.TakeWritten(), "$-1\r\n$1\r\nv\r\n");
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(drained);
}

TEST_F(LimitsWorkerTest, AWorkerMayEndWhileRequestsWait) {
  StartWith(Delaying(TenASecond(1)));
  test::FakeSocket& client = NewClient();
  Ask(client, get_ + get_);
  worker_.reset();
  loop_.Advance(1s);
  EXPECT_TRUE(client.closed());
}

TEST_F(LimitsWorkerTest, APlaceIsHeldByLargeRepliesAndFailuresNoLonger) {
  conf::Limit limit;
  limit.name = "few";
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = 1;
  StartWith(limit);
  test::FakeSocket& client = NewClient();
  const std::string large = "$1048576\r\n" + std::string(1 << 20, 'v') + "\r\n";
  Ask(client, get_ + get_);
  Reply(large);
  EXPECT_EQ(client.TakeWritten(), large + "-RATELIMITED retry_after_ms=0 limit=few\r\n");
  Ask(client, get_);
  Node(0).ReceiveEnd();
  Settle();
  EXPECT_TRUE(client.TakeWritten().starts_with("-"));
  Ask(client, Encode({"GET", KeyOf(1)}));
  Reply("$-1\r\n", 1);
  EXPECT_EQ(client.TakeWritten(), "$-1\r\n");
}

TEST_F(LimitsWorkerTest, ARefusedMemcachedClientReadsAnErrorOrAMiss) {
  for (const bool as_miss : {false, true}) {
    conf::Limit limit = TenASecond(1);
    limit.deny_as = as_miss ? conf::DenyAs::kMiss : conf::DenyAs::kError;
    StartWith(limit, TwoMemcachedNodes());
    test::FakeSocket& client = NewClient();
    Ask(client, "get " + key_ + "\r\n");
    Reply("END\r\n");
    client.TakeWritten();
    const std::string error = "SERVER_ERROR rate limited\r\n";
    Ask(client, "get " + key_ + "\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "END\r\n" : error);
    Ask(client, "set " + key_ + " 0 0 1\r\nv\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "NOT_STORED\r\n" : error);
    Ask(client, "mg " + key_ + " v\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "EN\r\n" : error);
    Ask(client, "incr " + key_ + " 1\r\n");
    EXPECT_EQ(client.TakeWritten(), as_miss ? "NOT_FOUND\r\n" : error);
    worker_.reset();
    loop_ = test::FakeLoop();
  }
}

// semantics.md 8: who wants no reply gets none, and the next one is the next request's.
TEST_F(LimitsWorkerTest, ARefusalIsSilentWhereNoReplyIsWanted) {
  conf::Limit limit = TenASecond(1);
  limit.deny_as = conf::DenyAs::kMiss;
  StartWith(limit, TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + key_ + "\r\n");
  Reply("END\r\n");
  client.TakeWritten();
  Node(0).TakeWritten();
  Ask(client, "set " + key_ + " 0 0 1 noreply\r\nv\r\nmg " + key_ + " v q\r\nmn\r\n");
  EXPECT_EQ(client.TakeWritten(), "MN\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "");
}

TEST_F(LimitsWorkerTest, ADelayedMemcachedRequestKeepsItsQuietness) {
  StartWith(Delaying(TenASecond(1)), TwoMemcachedNodes());
  test::FakeSocket& client = NewClient();
  Ask(client, "get " + key_ + "\r\nset " + key_ + " 0 0 1 noreply\r\nv\r\nmn\r\n");
  Reply("END\r\n");
  Node(0).TakeWritten();
  Advance(100ms);
  EXPECT_TRUE(Node(0).TakeWritten().starts_with("set " + key_));
  Reply("STORED\r\n");
  EXPECT_EQ(client.TakeWritten(), "END\r\nMN\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
