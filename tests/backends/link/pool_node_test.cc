#include "backends/link/pool_node.h"

#include "ring/bounded_load.h"
#include "tests/backends/link/node_pool_fixture.h"
#include "tests/backends/wire/binary_packets.h"

namespace ringproxy::backends {
namespace {

class PoolNodeTest : public NodePoolTest {
 protected:
  using Breaker = CircuitBreaker::BreakerState;

  // Node 0 of the pool, of which connection i becomes the socket `first_ + i`.
  PoolNode& MakeNode(uint32_t connections = 1, ring::BoundedLoad* bound = nullptr) {
    pool_conf_.connections_per_node = connections;
    first_ = loop_.sockets();
    node_ = std::make_unique<PoolNode>(parts_, pool_conf_, pool_conf_.nodes[0], health_.records[0], bound, 0);
    return *node_;
  }
  PoolNode& MakeReadyNode(uint32_t connections = 1, ring::BoundedLoad* bound = nullptr) {
    MakeNode(connections, bound).Connect();
    for (uint32_t i = 0; i < connections; ++i) Ready(loop_.socket(first_ + i));
    return *node_;
  }
  void SendOver(size_t connection) {
    node_->plain.connections()[connection]->Send(std::string_view("x"), {0, 0, 0, Ticket::Kind::kSession});
  }
  // So many requests that are not answered in time; their replies come late.
  void Fail(int times) {
    for (int i = 0; i < times; ++i) {
      SendOver(0);
      FlushAll();
      loop_.Advance(pool_conf_.timeouts.request);
      loop_.socket(first_).Receive("+late\r\n");
    }
  }
  bool IsDown() { return node_->guard.Admits(kRead) == Admission::kDown; }
  bool Fits() const { return node_->Fits(pool_conf_, pool_conf_.nodes[0]); }
  void Adopt(ring::BoundedLoad* bound = nullptr) { node_->Adopt(pool_conf_, pool_conf_.nodes[0], bound, 0); }
  std::unique_ptr<ring::BoundedLoad> NewBound() {
    ring_ = conf::MakePoolRing(pool_conf_);
    const std::vector<ring::RingNode> nodes = {{"r0", 1}, {"r1", 1}, {"r2", 1}};
    return std::make_unique<ring::BoundedLoad>(*ring_, nodes, 1.25);
  }

  std::unique_ptr<PoolNode> node_;
};

TEST_F(PoolNodeTest, ProbesAnOpenNodeInTheWordsOfItsProtocol) {
  for (const conf::Protocol protocol : {conf::Protocol::kRedis, conf::Protocol::kMemcached}) {
    const bool memcached = protocol == conf::Protocol::kMemcached;
    pool_conf_.protocol = protocol;
    MakeReady();
    for (int i = 0; i < 5; ++i) Send(0);
    FlushAll();
    loop_.Advance(pool_conf_.timeouts.request);
    for (int i = 0; i < 5; ++i) Node(0).Receive(memcached ? "END\r\n" : "+late\r\n");
    Node(0).TakeWritten();
    AwaitProbe(0);
    EXPECT_EQ(Node(0).TakeWritten(), memcached ? "version\r\n" : "*1\r\n$4\r\nPING\r\n");
    Node(0).Receive(memcached ? "VERSION 1.6.18\r\n" : "+PONG\r\n");
    EXPECT_EQ(health_.observer.news.back().state, Breaker::kHalfOpen);
    EXPECT_EQ(health_.observer.news.back().node, health_.records[0]);
    EXPECT_EQ(Node(1).written + Node(2).written, "");
  }
}

TEST_F(PoolNodeTest, ProbesOverAConnectionThatIsReadyAndOverNoOther) {
  MakeReadyNode(2);
  Fail(5);
  ASSERT_TRUE(IsDown());
  loop_.socket(first_).ReceiveEnd();
  loop_.socket(first_ + 1).TakeWritten();
  for (int ms = 0; ms < 1200 && loop_.socket(first_ + 1).written.empty(); ++ms) {
    loop_.Advance(1ms);
    FlushAll();
  }
  EXPECT_EQ(loop_.socket(first_ + 1).TakeWritten(), "*1\r\n$4\r\nPING\r\n");
}

// A line of text would break it.
TEST_F(PoolNodeTest, ProbesInBinaryOverALinkThatSpeaksNothingElse) {
  pool_conf_.protocol = conf::Protocol::kMemcached;
  pool_conf_.reconnect.rate = {1000, 1s};
  MakeReadyNode(1);
  ASSERT_NE(node_->LinksOf({.database = 0, .protocol = Flavour::kBinary}), nullptr);
  test::FakeSocket& binary = loop_.last_socket();
  const std::string noop = test::BinaryTold({.opcode = 0x0a});
  binary.observer->OnConnected(0);
  binary.Receive(noop);
  binary.TakeWritten();
  Fail(5);
  ASSERT_TRUE(IsDown());
  loop_.socket(first_).ReceiveEnd();
  for (int ms = 0; ms < 1200 && binary.written.empty(); ++ms) {
    loop_.Advance(1ms);
    FlushAll();
  }
  EXPECT_EQ(binary.TakeWritten(), test::BinaryAsked({.opcode = 0x0a}));
  binary.Receive(noop);
  EXPECT_FALSE(binary.closed());
  EXPECT_EQ(health_.observer.news.back().state, Breaker::kHalfOpen);
}

TEST_F(PoolNodeTest, FitsWhateverIsSaidOfTheSameServerAndAsManyConnections) {
  MakeNode(2);
  EXPECT_TRUE(Fits());
  pool_conf_.timeouts.request = 1s;
  pool_conf_.breaker.consecutive_failures = 77;
  pool_conf_.nodes[0].weight = 9;
  EXPECT_TRUE(Fits());
}

TEST_F(PoolNodeTest, DoesNotFitAnotherServerOrAnotherWayToIt) {
  MakeNode(2);
  const conf::Pool same = pool_conf_;
  const std::function<void(conf::Pool&)> kChanges[] = {
      [](conf::Pool& pool) { pool.nodes[0].address.port = 77; },
      [](conf::Pool& pool) { pool.nodes[0].address.host = "10.0.0.9"; },
      [](conf::Pool& pool) { pool.protocol = conf::Protocol::kMemcached; },
      [](conf::Pool& pool) { pool.auth.password = "secret"; },
      [](conf::Pool& pool) { pool.connections_per_node = 3; },
  };
  for (const auto& change : kChanges) {
    pool_conf_ = same;
    change(pool_conf_);
    EXPECT_FALSE(Fits());
  }
}

TEST_F(PoolNodeTest, OpensEachConnectionOnce) {
  MakeReadyNode(3);
  EXPECT_EQ(loop_.sockets(), first_ + 3);
  node_->Connect();
  EXPECT_EQ(loop_.sockets(), first_ + 3);
  EXPECT_EQ(node_->stats.ready_connections.value(), 3U);
}

TEST_F(PoolNodeTest, TakesRequestsWhileOneOfItsConnectionsDoes) {
  MakeNode(2).Connect();
  EXPECT_TRUE(node_->AnyAccepts());  // They may wait for the first attempt.
  loop_.socket(first_).observer->OnConnected(ECONNREFUSED);
  EXPECT_FALSE(node_->AnyAccepts());
  for (int ms = 0; ms < 5000 && loop_.last_socket().closed(); ++ms) loop_.Advance(1ms);
  Ready(loop_.last_socket());
  EXPECT_TRUE(node_->AnyAccepts());
}

TEST_F(PoolNodeTest, CountsWhatIsInFlightOverAllItsConnections) {
  MakeReadyNode(2);
  SendOver(0);
  SendOver(0);
  SendOver(1);
  EXPECT_EQ(node_->in_flight(), 3U);
  FlushAll();
  loop_.socket(first_).Receive("+1\r\n");
  EXPECT_EQ(node_->in_flight(), 2U);
  loop_.socket(first_).Receive("+2\r\n");
  loop_.socket(first_ + 1).Receive("+3\r\n");
  EXPECT_EQ(node_->in_flight(), 0U);
  EXPECT_EQ(sink_.replies, 3U);
}

TEST_F(PoolNodeTest, IsClosedOnceEveryConnectionIsIdleAndOpensAgain) {
  MakeReadyNode(2);
  SendOver(1);
  FlushAll();
  node_->Drain();
  EXPECT_TRUE(loop_.socket(first_).closed());
  EXPECT_FALSE(node_->is_closed());
  loop_.socket(first_ + 1).Receive("+1\r\n");
  EXPECT_EQ(sink_.replies, 1U);
  EXPECT_TRUE(node_->is_closed());
  node_->Reopen();
  Ready(loop_.socket(first_ + 2));
  EXPECT_FALSE(node_->is_closed());
  EXPECT_TRUE(node_->AnyAccepts());
}

TEST_F(PoolNodeTest, SaysNothingMoreOnceItHasLeftThePool) {
  MakeReadyNode();
  Fail(5);
  ASSERT_EQ(health_.observer.news.back().state, Breaker::kOpen);
  SendOver(0);
  FlushAll();
  node_->Retire();
  EXPECT_EQ(health_.observer.news.back().state, Breaker::kClosed);  // The last word: it is nobody's concern.
  EXPECT_EQ(node_->stats.breaker_state.value(), 0U);
  const size_t told = health_.observer.news.size();
  loop_.socket(first_).ReceiveEnd();
  EXPECT_EQ(sink_.failures, 6U);
  EXPECT_TRUE(node_->is_closed());
  loop_.Advance(1h);
  EXPECT_EQ(health_.observer.news.size(), told);
  EXPECT_EQ(loop_.sockets(), first_ + 1);
}

TEST_F(PoolNodeTest, CountsItsLoadInTheBoundOfItsPoolAndOnlyThere) {
  const auto before = NewBound();
  const auto after = NewBound();
  MakeReadyNode(2, before.get());
  SendOver(0);
  SendOver(1);
  FlushAll();
  EXPECT_EQ(before->load(0), 2U);
  Adopt(after.get());  // What is under way is there from now on.
  EXPECT_EQ(after->load(0), 2U);
  loop_.socket(first_).Receive("+1\r\n");
  EXPECT_EQ(after->load(0), 1U);
  EXPECT_EQ(before->load(0), 2U);
  Adopt();
  loop_.socket(first_ + 1).Receive("+2\r\n");
  EXPECT_EQ(after->load(0), 1U);
}

TEST_F(PoolNodeTest, WhatWaitsAtTheNodeIsNoLoadOfABoundedRing) {
  const auto before = NewBound();
  const auto after = NewBound();
  MakeReadyNode(1, before.get());
  const auto lease = node_->pinned.Lease({}, std::nullopt);
  Ready(loop_.last_socket());
  lease->Wait(io_.blocks.Copy("x"), {0, 0, 0, Ticket::Kind::kSession}, 0);
  FlushAll();
  EXPECT_EQ(before->load(0), 0U);
  Adopt(after.get());
  EXPECT_EQ(after->load(0), 0U);
  loop_.last_socket().Receive("*-1\r\n");
  EXPECT_EQ(after->load(0), 0U);
  EXPECT_EQ(sink_.replies, 1U);
}

// Every link's, or the end of one that nobody had begun at the new bound ends the process.
TEST_F(PoolNodeTest, AWordOfTheControlLinkIsALoadOfTheBoundThatItAdopts) {
  const auto before = NewBound();
  const auto after = NewBound();
  MakeReadyNode(1, before.get());
  node_->control.Send("x", {0, 0, 0, Ticket::Kind::kSession});
  Ready(loop_.last_socket());
  FlushAll();
  Adopt(after.get());
  EXPECT_EQ(after->load(0), 1U);
  loop_.last_socket().Receive("+1\r\n");
  EXPECT_EQ(after->load(0), 0U);
  EXPECT_EQ(sink_.replies, 1U);
}

TEST_F(PoolNodeTest, HeedsTheTimeoutsThatItAdopts) {
  MakeReadyNode();
  pool_conf_.timeouts.request = 10ms;
  Adopt();
  SendOver(0);
  FlushAll();
  loop_.Advance(9ms);
  EXPECT_EQ(sink_.failures, 0U);
  loop_.Advance(2ms);
  EXPECT_EQ(sink_.failures, 1U);
}

TEST_F(PoolNodeTest, ForgetsFailuresOnlyWhenItsBreakerIsToldToCountInAnotherWay) {
  MakeReadyNode();
  Fail(4);
  Adopt();
  Fail(1);
  EXPECT_TRUE(IsDown());

  MakeReadyNode();
  Fail(4);
  pool_conf_.breaker.consecutive_failures = 6;
  Adopt();
  Fail(5);
  EXPECT_FALSE(IsDown());
  Fail(1);
  EXPECT_TRUE(IsDown());
}

}  // namespace
}  // namespace ringproxy::backends
