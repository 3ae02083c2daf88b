#include "backends/link/node_pool.h"

#include <algorithm>

#include "tests/backends/link/node_pool_fixture.h"

namespace ringproxy::backends {
namespace {

TEST_F(NodePoolTest, ChoosesTheOwnerAndNobodyElseWhereKeysStay) {
  MakeReady();
  for (NodeIndex n = 0; n < 3; ++n) EXPECT_EQ(Choose(HashOf(n), kWrite), n);
  health_.Publish(2, Verdict::kEjected);
  EXPECT_EQ(Choose(HashOf(2), kRead), std::nullopt);
  EXPECT_EQ(Choose(HashOf(1), kRead), 1U);
}

TEST_F(NodePoolTest, ChoosesTheNextOnTheRingWhereKeysMove) {
  pool_conf_.on_down.policy = conf::DownPolicy::kRehash;
  MakeReady();
  const uint64_t hash = HashOf(2);
  const NodeIndex second = ring_->PickNth(hash, 1);
  const NodeIndex third = ring_->PickNth(hash, 2);
  health_.Publish(2, Verdict::kEjected);
  EXPECT_EQ(Choose(hash, kWrite), second);
  TripByTimeouts(second);
  EXPECT_EQ(Choose(hash, kWrite), third);
  health_.Publish(third, Verdict::kEjected);
  EXPECT_EQ(Choose(hash, kWrite), std::nullopt);
  health_.Publish(2, Verdict::kKeepAsking);
  EXPECT_EQ(Choose(hash, kWrite), 2U);
}

// Counts what it is asked.
class CountingRing final : public ring::Ring {
 public:
  explicit CountingRing(const ring::Ring& ring) : ring_(ring) {}
  NodeIndex Pick(uint64_t hash) const override { return ring_.Pick(hash); }
  void Walk(uint64_t hash, ring::WalkVisitor visit) const override {
    ++walks;
    ring_.Walk(hash, visit);
  }
  uint32_t node_count() const override { return ring_.node_count(); }
  mutable size_t walks = 0;

 private:
  const ring::Ring& ring_;
};

TEST_F(NodePoolTest, WalksTheRingOnceHoweverManyNodesAreDown) {
  pool_conf_.on_down.policy = conf::DownPolicy::kRehash;
  for (uint16_t i = 3; i < 100; ++i) pool_conf_.nodes.push_back({"r" + std::to_string(i), {"10.0.0.1", i, ""}, 1});
  health_ = test::Health(100);
  Make();
  const CountingRing ring(*ring_);
  NodePool pool(parts_, pool_conf_, ring, health_.records);  // Not connected: all of them are down.
  EXPECT_EQ(pool.Choose(1, kRead).admission, Admission::kDown);
  EXPECT_EQ(ring.walks, 1U);
  EXPECT_EQ(pool.ChooseOther(1, ring.Pick(1), kRead), std::nullopt);
  EXPECT_EQ(ring.walks, 2U);
  const NodeIndex last = ring.PickNth(1, 99);
  pool.Connect();
  Ready(loop_.socket(last));
  ring.walks = 0;
  for (uint32_t i = 0; i < 100; ++i) {
    if (i != last) health_.Publish(i, Verdict::kEjected);
  }
  EXPECT_EQ(pool.Choose(1, kRead).node, last);
  EXPECT_EQ(ring.walks, 1U);
}

TEST_F(NodePoolTest, SendsReadsButNoWritesToANodeOnTrial) {
  pool_conf_.on_down.policy = conf::DownPolicy::kRehash;
  MakeReady();
  TripByTimeouts(1);
  AwaitProbe(1);
  Node(1).Receive("+PONG\r\n");
  EXPECT_EQ(Choose(HashOf(1), kRead), 1U);
  EXPECT_NE(Choose(HashOf(1), kWrite), 1U);
}

TEST_F(NodePoolTest, SpillsWhatANodeHasNoRoomForAndTakesItBack) {
  pool_conf_.ring.load_bound = {1250};
  MakeReady();
  const uint64_t hash = HashOf(0);
  const NodeIndex second = ring_->PickNth(hash, 1);
  EXPECT_EQ(Choose(hash, kRead), 0U);
  Send(0);  // One of one: its limit is ceil(2 * 1.25 / 3) = 1.
  EXPECT_EQ(Choose(hash, kRead), second);
  // Who has room but is down is no choice; the owner, full as it is, is better than nobody.
  health_.Publish(second, Verdict::kEjected);
  health_.Publish(ring_->PickNth(hash, 2), Verdict::kEjected);
  EXPECT_EQ(Choose(hash, kRead), 0U);
  health_.Publish(0, Verdict::kEjected);
  EXPECT_EQ(Choose(hash, kRead), std::nullopt);
  health_.Publish(0, Verdict::kServe);
  health_.Publish(second, Verdict::kServe);
  FlushAll();
  Node(0).Receive("+1\r\n");
  EXPECT_EQ(Choose(hash, kRead), 0U);
}

TEST_F(NodePoolTest, CountsNoLoadForWhatAConnectionTookWithIt) {
  pool_conf_.ring.load_bound = {1250};
  MakeReady();
  for (int i = 0; i < 10; ++i) Send(0);
  Node(0).ReceiveEnd();
  EXPECT_EQ(health_.stats(0).in_flight.value(), 0U);
  EXPECT_EQ(Choose(HashOf(0), kRead), 0U);
  for (int i = 0; i < 10; ++i) Send(0);  // They wait for the next one.
  pool_.reset();
  EXPECT_EQ(health_.stats(0).in_flight.value(), 0U);
}

TEST_F(NodePoolTest, RefusesInTheNodesNameAndCountsIt) {
  MakeReady().Refuse(1, Admission::kDown, {});
  EXPECT_EQ(sink_.last, "node_down main/r1");
  EXPECT_EQ(health_.stats(1).requests.value(), 1U);
  EXPECT_EQ(health_.stats(1).failures.value(), 1U);
}

TEST_F(NodePoolTest, ClosesADisabledNodesConnectionsOnceTheyAreIdleAndOpensThemAgain) {
  MakeReady();
  Send(1);
  FlushAll();
  pool_->Disable(*health_.records[1]);
  pool_->Disable(*health_.records[2]);
  EXPECT_FALSE(Admits(1, kRead));
  EXPECT_FALSE(Node(1).closed());
  EXPECT_TRUE(Node(2).closed());
  EXPECT_FALSE(Node(0).closed());
  Node(1).Receive("+1\r\n");
  EXPECT_EQ(sink_.replies, 1U);
  EXPECT_TRUE(Node(1).closed());
  loop_.Advance(1h);
  EXPECT_EQ(loop_.sockets(), first_ + 3);
  pool_->Enable(*health_.records[1]);
  Ready(loop_.last_socket());
  EXPECT_TRUE(Admits(1, kRead));
}

TEST_F(NodePoolTest, BringsADisabledNodeBackThoughItsBreakerWasOpen) {
  MakeReady();
  TripByTimeouts(1);
  pool_->Disable(*health_.records[1]);
  loop_.Advance(1h);
  pool_->Enable(*health_.records[1]);
  Ready(loop_.last_socket());
  EXPECT_TRUE(Admits(1, kRead));
}

TEST_F(NodePoolTest, HurriesEveryConnectionOfTheNodeAndItsBreaker) {
  pool_conf_.connections_per_node = 2;
  Make().Connect();
  ASSERT_EQ(loop_.sockets(), 3U);
  for (size_t i = 0; i < 3; ++i) loop_.socket(i).observer->OnConnected(ECONNREFUSED);
  loop_.Advance(24ms);
  EXPECT_EQ(loop_.sockets(), 3U);
  pool_->Hurry(
      *health_.records[1]);  // The second connection may go first as well as the one that waits after its failure.
  ASSERT_EQ(loop_.sockets(), 4U);
  EXPECT_EQ(loop_.last_socket().endpoint.port, 1U);
  Ready(loop_.last_socket());
  ASSERT_EQ(loop_.sockets(), 5U);
  EXPECT_EQ(loop_.last_socket().endpoint.port, 1U);
}

TEST_F(NodePoolTest, KeepsANodeThatRefusesOnlyOneOfItsConnections) {
  pool_conf_.connections_per_node = 2;
  Make().Connect();
  Ready(loop_.socket(0));
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  EXPECT_TRUE(Admits(0, kWrite));
  for (uint32_t lane = 0; lane < 8; ++lane) pool_->Send(0, lane, std::string_view("x"), {});
  FlushAll();
  EXPECT_EQ(loop_.socket(0).TakeWritten(), "xxxxxxxx");
}

TEST_F(NodePoolTest, CutsOffTheOneNodeThatIsMuchSlowerThanTheOthers) {
  pool_conf_.breaker.slow_factor = {4000};
  pool_conf_.breaker.slow_ratio = {};
  for (const uint32_t nodes : {3U, 2U}) {
    pool_conf_.nodes.resize(nodes);
    MakeReady();
    for (int second = 0; second < 5; ++second) {
      for (NodeIndex n = 0; n < nodes; ++n) {
        for (int i = 0; i < 20 && Admits(n, kRead); ++i) Send(n);
      }
      FlushAll();
      loop_.Advance(1ms);
      for (NodeIndex n = 1; n < nodes; ++n) {
        for (int i = 0; i < 20; ++i) Node(n).Receive("+1\r\n");
      }
      loop_.Advance(29ms);
      while (health_.stats(0).in_flight.value() > 0) Node(0).Receive("+1\r\n");
      loop_.Advance(970ms);
      pool_->Tick();
    }
    // Of two nodes neither can be called the odd one.
    EXPECT_EQ(Admits(0, kWrite), nodes == 2);
    EXPECT_TRUE(Admits(1, kWrite));
  }
}

// Everything that can happen to nodes, in any order: refused and hung connections, hangs, slow and bad replies, resets,
// an operator and the health checks. Once the nodes are well every breaker closes and every request is answered,
// without a client's help; each ticket has had one answer; nothing is left over.
class NodePoolChaos : public NodePoolTest, public testing::WithParamInterface<uint64_t> {
 protected:
  enum class Mood : uint8_t { kWell, kRefuses, kHangs, kLoads, kSlow, kResets };

  struct Far {
    bool connected = false;
    size_t owed = 0;  // Requests not answered yet.
  };

  void Act() {
    loop_.VisitOpen([this](size_t number, test::FakeSocket& socket) {
      if (number >= far_.size()) far_.resize(number + 1);
      ActOn(socket, &far_[number], mood_[socket.endpoint.port]);
    });
    FlushAll();
  }
  void ActOn(test::FakeSocket& socket, Far* far, Mood mood) {
    if (mood == Mood::kHangs) return;
    if (!far->connected) {
      far->connected = true;
      return socket.observer->OnConnected(mood == Mood::kRefuses ? ECONNREFUSED : 0);
    }
    const std::string written = socket.TakeWritten();
    far->owed += static_cast<size_t>(std::ranges::count(written, '*'));
    if (mood == Mood::kRefuses || (mood == Mood::kResets && far->owed > 0)) return socket.ReceiveEnd();
    if (mood == Mood::kSlow && random_() % 400 != 0) return;
    while (far->owed > 0 && !socket.closed()) {
      --far->owed;
      socket.Receive(mood == Mood::kLoads ? "-LOADING x\r\n" : "+PONG\r\n");
    }
  }

  std::mt19937_64 random_{GetParam()};
  std::vector<Far> far_;
  Mood mood_[3] = {};
};

TEST_P(NodePoolChaos, ComesBackFromEverything) {
  pool_conf_.connections_per_node = 1 + GetParam() % 3;
  pool_conf_.timeouts = {.connect = 500ms, .request = 200ms, .total = GetParam() % 2 == 0 ? 0ms : 150ms};
  Make().Connect();
  size_t sent = 0;
  bool disabled[3] = {};
  for (int step = 0; step < 20'000; ++step) {
    const auto node = static_cast<NodeIndex>(random_() % 3);
    switch (random_() % 400) {
      case 0: mood_[node] = static_cast<Mood>(random_() % 6); break;
      case 1: pool_->Hurry(*health_.records[node]); break;
      case 2: (disabled[node] = true), pool_->Disable(*health_.records[node]); break;
      case 3:
      case 4: (disabled[node] = false), pool_->Enable(*health_.records[node]); break;
      default: break;
    }
    if (random_() % 4 == 0 && (random_() % 8 == 0 || Admits(node, Claim{.is_read = random_() % 2 == 0}))) {
      Send(node);
      ++sent;
    }
    if (step % 100 == 0) pool_->Tick();
    Act();
    loop_.Advance(net::Duration(random_() % 4000));
  }
  for (NodeIndex n = 0; n < 3; ++n) {
    mood_[n] = Mood::kWell;
    if (disabled[n]) pool_->Enable(*health_.records[n]);
  }
  for (int ms = 0; ms < 80'000; ++ms) {
    Act();
    loop_.Advance(1ms);
  }
  EXPECT_EQ(sink_.replies + sink_.failures, sent);
  for (NodeIndex n = 0; n < 3; ++n) {
    EXPECT_EQ(health_.stats(n).in_flight.value(), 0U);
    EXPECT_EQ(health_.stats(n).breaker_state.value(), 0U) << n;
    EXPECT_EQ(health_.stats(n).ready_connections.value(), pool_conf_.connections_per_node);
    EXPECT_TRUE(Admits(n, kWrite));
  }
  const size_t failures = sink_.failures;
  for (NodeIndex n = 0; n < 3; ++n) Send(n);
  FlushAll();
  Act();
  EXPECT_EQ(sink_.failures, failures);
  pool_.reset();
  for (NodeIndex n = 0; n < 3; ++n) EXPECT_EQ(health_.stats(n).ready_connections.value(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, NodePoolChaos, testing::Range<uint64_t>(1, 33));

}  // namespace
}  // namespace ringproxy::backends
