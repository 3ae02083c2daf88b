// What becomes of a node that returns to a pool with flush_on_return, and of everything in any order.
#include "tests/proxy/control/health_monitor_fixture.h"

namespace ringproxy::proxy {
namespace {

class FlushOnReturnTest : public HealthMonitorTest {
 protected:
  FlushOnReturnTest() {
    pool().on_down.policy = conf::DownPolicy::kRehash;
    pool().flush_on_return = true;
  }
  void FallAndRise(uint32_t node) {
    News(0, node, Breaker::kOpen);
    Run(100ms);
    News(0, node, Breaker::kHalfOpen);
  }
  // The answer of a node whose `flush_answer` is empty.
  void FinishFlush(uint32_t node) {
    for (size_t i = 0; i < loop_.sockets(); ++i) {
      test::FakeSocket& socket = loop_.socket(i);
      if (!socket.closed() && socket.endpoint.port == node) socket.Receive("+OK\r\n");
    }
  }
};

TEST_F(FlushOnReturnTest, LetsANodeReturnOnlyOnceItIsEmpty) {
  MakeChecked();
  far_[1].flush_answer = "";
  FallAndRise(1);
  Act();
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(Record(1)->verdict(), kOut);
  FinishFlush(1);
  EXPECT_EQ(State(1), NodeState::kTrial);
  EXPECT_EQ(View(1).reason, "flushed");
  EXPECT_EQ(Record(1)->verdict(), kServe);
  EXPECT_EQ(far_[1].flushes, 1U);
}

TEST_F(FlushOnReturnTest, EmptiesANodeOnceForEachTimeItWasOutAndNoOther) {
  MakeChecked();
  for (size_t i = 1; i <= 3; ++i) {
    FallAndRise(1);
    Run(1s);
    News(0, 1, Breaker::kClosed);
    Run(1s);
    EXPECT_EQ(State(1), NodeState::kUp);
    EXPECT_EQ(far_[1].flushes, i);
  }
  monitor_->Order(*Record(1), NodeOrder::kDrain);
  monitor_->Order(*Record(1), NodeOrder::kDisable);
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  Run(1s);
  EXPECT_EQ(far_[1].flushes, 4U);
  EXPECT_EQ(far_[0].flushes + far_[2].flushes + far_[3].flushes, 0U);
}

TEST_F(FlushOnReturnTest, TriesAgainSoonAfterANodeCouldNotBeEmptied) {
  MakeChecked();
  far_[1].flush_answer = "-READONLY x\r\n";
  FallAndRise(1);
  Run(3s);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_GE(far_[1].flushes, 5U);
  far_[1].flush_answer = "+OK\r\n";
  Run(500ms);
  EXPECT_EQ(State(1), NodeState::kTrial);
}

TEST_F(FlushOnReturnTest, TriesAgainAlsoWhereChecksAreOff) {
  pool().health.interval = 0s;
  MakeChecked();
  far_[1].flush_answer = "-READONLY x\r\n";
  FallAndRise(1);
  Run(2s);
  EXPECT_EQ(State(1), NodeState::kDown);
  // Nobody checks, so no check may decide.
  far_[1] = {.answer = "-LOADING x\r\n", .flush_answer = "-LOADING x\r\n"};
  Run(2s);
  far_[1] = {};
  Run(2s);
  EXPECT_EQ(State(1), NodeState::kTrial);
  EXPECT_EQ(far_[1].flushes, 1U);
}

// The next check comes due while the node is being emptied.
TEST_F(FlushOnReturnTest, GoesOnCheckingANodeThatTookItsTimeToBeEmptied) {
  pool().health.timeout = 5s;
  MakeChecked();
  far_[1].flush_answer = "";
  FallAndRise(1);
  Run(3s);
  FinishFlush(1);
  EXPECT_EQ(State(1), NodeState::kTrial);
  const size_t before = far_[1].checks;
  Run(5s);
  EXPECT_GE(far_[1].checks, before + 4);
}

TEST_F(FlushOnReturnTest, ServesNothingFromAnEnabledNodeBeforeItIsEmptyWhateverItsNeighboursDo) {
  MakeChecked();
  monitor_->Order(*Record(1), NodeOrder::kDrain);
  far_[1].flush_answer = "-READONLY x\r\n";
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  Run(1s);
  EXPECT_EQ(State(1), NodeState::kDrained);
  EXPECT_EQ(Record(1)->verdict(), kOut);
  News(0, 2, Breaker::kOpen);
  EXPECT_EQ(Record(1)->verdict(), kOut);
}

TEST_F(FlushOnReturnTest, EmptiesANodeAgainThatFellSickAgainWhileItWasEmptied) {
  MakeChecked();
  far_[1].flush_answer = "";
  FallAndRise(1);
  Act();
  ASSERT_EQ(far_[1].flushes, 1U);
  News(1, 1, Breaker::kOpen);
  FinishFlush(1);
  EXPECT_EQ(State(1), NodeState::kDown);
  far_[1].flush_answer = "+OK\r\n";
  News(1, 1, Breaker::kHalfOpen);
  Run(1s);
  EXPECT_EQ(State(1), NodeState::kTrial);
  EXPECT_EQ(far_[1].flushes, 2U);
}

TEST_F(FlushOnReturnTest, EmptiesANodeThatWasDisabledWhileItWasEmptiedOnceItIsEnabled) {
  MakeChecked();
  far_[1].flush_answer = "";
  FallAndRise(1);
  Act();
  monitor_->Order(*Record(1), NodeOrder::kDisable);
  Run(2s);
  far_[1] = {};
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  Run(1s);
  EXPECT_EQ(State(1), NodeState::kTrial);
  EXPECT_EQ(far_[1].flushes, 1U);
}

// Anything in any order. Afterwards all is well: nobody is forgotten, out, or not checked any more.
class MonitorChaos : public FlushOnReturnTest, public testing::WithParamInterface<uint64_t> {};

TEST_P(MonitorChaos, ComesBackFromEverything) {
  std::mt19937_64 random(GetParam());
  pool().flush_on_return = GetParam() % 2 == 0;
  if (GetParam() % 3 == 0) pool().on_down.policy = conf::DownPolicy::kError;
  if (GetParam() % 4 == 0) pool().health.interval = 0s;
  if (GetParam() % 5 == 0) pool().health.interval = 100ms;
  MakeChecked();
  Breaker breakers[2][kNodes] = {};
  const auto move = [&](uint32_t worker, uint32_t node) {
    Breaker& breaker = breakers[worker][node];
    breaker = breaker == Breaker::kOpen                            ? Breaker::kHalfOpen
              : breaker == Breaker::kHalfOpen && random() % 2 == 0 ? Breaker::kClosed
                                                                   : Breaker::kOpen;
    News(worker, node, breaker);
  };
  for (int step = 0; step < 3000; ++step) {
    const auto node = static_cast<uint32_t>(random() % kNodes);
    Far& far = far_[node];
    switch (random() % 12) {
      case 0: far.answer = random() % 2 == 0 ? "" : "-LOADING x\r\n"; break;
      case 1: far.flush_answer = random() % 2 == 0 ? "" : "-READONLY x\r\n"; break;
      case 2: far.refuses = true; break;
      case 3:
      case 4: far = {}; break;
      case 5: monitor_->Order(*Record(node), static_cast<NodeOrder>(random() % 3)); break;
      case 6:
      case 7: move(static_cast<uint32_t>(random() % 2), node); break;
      default: Run(net::Duration(random() % 300'000)); break;
    }
    for (uint32_t n = 0; n < kNodes; ++n) {
      const NodeState state = State(n);
      const bool ordered_out = state == NodeState::kDrained || state == NodeState::kDisabled;
      EXPECT_TRUE(!ordered_out || Record(n)->verdict() == kOut);
      const bool is_in = state == NodeState::kUp || state == NodeState::kTrial;
      EXPECT_TRUE(!is_in || Record(n)->verdict() != kOut);
    }
  }
  for (uint32_t n = 0; n < kNodes; ++n) {
    far_[n] = {};
    monitor_->Order(*Record(n), NodeOrder::kEnable);
    for (uint32_t worker = 0; worker < 2; ++worker) {
      while (breakers[worker][n] != Breaker::kClosed) move(worker, n);
    }
  }
  Run(20s);
  for (uint32_t n = 0; n < kNodes; ++n) {
    EXPECT_EQ(State(n), NodeState::kUp) << n;
    EXPECT_EQ(Record(n)->verdict(), kServe) << n;
    const size_t before = far_[n].checks;
    Run(3s);
    EXPECT_EQ(far_[n].checks > before, pool().health.interval > 0s) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, MonitorChaos, testing::Range<uint64_t>(1, 25));

}  // namespace
}  // namespace ringproxy::proxy
