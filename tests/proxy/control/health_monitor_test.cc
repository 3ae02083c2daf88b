#include "proxy/control/health_monitor.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "backends/line_limit.h"
#include "tests/proxy/control/health_monitor_fixture.h"
#include "tests/support/log_capture.h"

namespace ringproxy::proxy {
namespace {

TEST_F(HealthMonitorTest, AsksEveryNodeWithinAnIntervalAndThenOnceAnInterval) {
  Make().Start();
  EXPECT_EQ(loop_.sockets(), 0U);
  Run(1s);
  for (const Far& far : far_) EXPECT_GE(far.checks, 1U);
  Run(20s);
  for (const Far& far : far_) {
    EXPECT_GE(far.checks, 18U);
    EXPECT_LE(far.checks, 24U);
  }
  EXPECT_EQ(loop_.sockets(), kNodes);
  EXPECT_EQ(Verdicts(), (std::vector{kServe, kServe, kServe, kServe}));
  EXPECT_EQ(Transitions(), 0U);
}

TEST_F(HealthMonitorTest, AsksNobodyWhenChecksAreOff) {
  pool().health.interval = 0s;
  MakeChecked();
  News(0, 1, Breaker::kOpen);
  News(0, 1, Breaker::kHalfOpen);
  News(0, 1, Breaker::kClosed);
  monitor_->Order(*Record(2), NodeOrder::kDisable);
  monitor_->Order(*Record(2), NodeOrder::kEnable);
  Run(60s);
  EXPECT_EQ(loop_.sockets(), 0U);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(State(2), NodeState::kUp);
}

TEST_F(HealthMonitorTest, EjectsANodeThatFailsItsChecksAndTakesItBack) {
  MakeChecked();
  far_[1].answer = "-LOADING Redis is loading the dataset in memory\r\n";
  Run(2s);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(View(1).reason, "check");
  EXPECT_EQ(View(1).detail, "LOADING Redis is loading the dataset in memory");
  EXPECT_EQ(Verdicts(), (std::vector{kServe, kOut, kServe, kServe}));
  EXPECT_EQ(Count("up>down check"), 1U);
  EXPECT_EQ(orders_, Words{"distrust 1"});
  orders_.clear();
  far_[1].answer = "+PONG\r\n";
  Run(6s);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(orders_, (Words{"hurry 1", "hurry 1"}));  // With its first good answer, and when it is up.
  EXPECT_EQ(Verdicts(), (std::vector{kServe, kServe, kServe, kServe}));
  EXPECT_EQ(Count("down>up check"), 1U);
}

// Other programs may have taken all the connections that the node allows.
TEST_F(HealthMonitorTest, LeavesAFullNodeInAsLongAsAWorkerHasAConnectionToIt) {
  MakeChecked();
  Record(1)->stats(0).ready_connections.Add();
  far_[1].answer = "-ERR max number of clients reached\r\n";
  Run(10s);
  EXPECT_EQ(State(1), NodeState::kUp);
  Record(1)->stats(0).ready_connections.Subtract(1);
  Run(2s);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(View(1).detail, "ERR max number of clients reached");
}

TEST_F(HealthMonitorTest, NoticesAHungNodeByItsChecksAlone) {
  MakeChecked();
  far_[2].answer = "";
  Run(1100ms + 3 * 500ms + 2 * 220ms + 10ms);
  EXPECT_EQ(State(2), NodeState::kDown);
  EXPECT_EQ(View(2).detail, "no answer to a check within 500ms");
}

TEST_F(HealthMonitorTest, TakesTheWorkersWordAndCountsEachChangeOnce) {
  MakeChecked();
  News(0, 3, Breaker::kOpen, TripReason::kConnection, "Connection refused");
  EXPECT_EQ(State(3), NodeState::kDown);
  EXPECT_EQ(View(3).reason, "connection");
  EXPECT_EQ(View(3).detail, "Connection refused");
  EXPECT_EQ(Record(3)->verdict(), kOut);
  News(0, 3, Breaker::kHalfOpen);
  EXPECT_EQ(State(3), NodeState::kTrial);
  EXPECT_EQ(Record(3)->verdict(), kServe);
  News(0, 3, Breaker::kOpen, TripReason::kSlow);
  EXPECT_EQ(State(3), NodeState::kDown);
  EXPECT_EQ(View(3).detail, "too many slow replies");
  News(0, 3, Breaker::kHalfOpen);
  News(0, 3, Breaker::kClosed);
  EXPECT_EQ(State(3), NodeState::kUp);
  EXPECT_EQ(Count("up>down connection"), 1U);
  EXPECT_EQ(Count("down>trial probe"), 2U);
  EXPECT_EQ(Count("trial>down slow"), 1U);
  EXPECT_EQ(Count("trial>up recovered"), 1U);
  EXPECT_EQ(Transitions(), 4U);
}

TEST_F(HealthMonitorTest, HasANodeDownWhileAnyWorkersBreakerIsOpenAndOnTrialWhileAnyIs) {
  MakeChecked();
  News(0, 0, Breaker::kOpen);
  News(1, 0, Breaker::kOpen);
  News(0, 0, Breaker::kHalfOpen);
  News(0, 0, Breaker::kClosed);
  EXPECT_EQ(State(0), NodeState::kDown);
  News(1, 0, Breaker::kHalfOpen);
  EXPECT_EQ(State(0), NodeState::kTrial);
  News(1, 0, Breaker::kClosed);
  EXPECT_EQ(State(0), NodeState::kUp);
  EXPECT_EQ(Count("up>down timeouts"), 1U);
}

TEST_F(HealthMonitorTest, HasANodeDownUntilBothItsChecksAndItsBreakersAreWell) {
  MakeChecked();
  far_[1].refuses = true;
  far_[1].answer = "-LOADING x\r\n";
  News(0, 1, Breaker::kOpen);
  Run(3s);
  News(0, 1, Breaker::kHalfOpen);
  News(0, 1, Breaker::kClosed);
  EXPECT_EQ(State(1), NodeState::kDown);
  far_[1] = {};
  Run(8s);
  EXPECT_EQ(State(1), NodeState::kUp);
}

TEST_F(HealthMonitorTest, ChecksANodeAtOnceWhenAWorkerHasNews) {
  MakeChecked();
  const size_t before = far_[1].checks;
  News(0, 1, Breaker::kOpen);
  News(1, 1, Breaker::kOpen);  // A check is under way: not another.
  Act();
  EXPECT_EQ(far_[1].checks, before + 1);
  // And it goes on being asked.
  Run(10s);
  EXPECT_GE(far_[1].checks, before + 9);
}

TEST_F(HealthMonitorTest, TakesADrainedNodeOutAndGoesOnCheckingIt) {
  MakeChecked();
  const size_t before = far_[1].checks;
  monitor_->Order(*Record(1), NodeOrder::kDrain);
  EXPECT_EQ(State(1), NodeState::kDrained);
  EXPECT_EQ(View(1).reason, "operator");
  EXPECT_EQ(Record(1)->verdict(), kOut);
  EXPECT_TRUE(orders_.empty());
  Run(5s);
  EXPECT_GT(far_[1].checks, before);
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(Record(1)->verdict(), kServe);
}

TEST_F(HealthMonitorTest, ChecksADisabledNodeNoMoreUntilItIsEnabled) {
  MakeChecked();
  monitor_->Order(*Record(1), NodeOrder::kDisable);
  EXPECT_EQ(State(1), NodeState::kDisabled);
  EXPECT_EQ(Record(1)->verdict(), kOut);
  const size_t before = far_[1].checks;
  Run(10s);
  News(0, 1, Breaker::kOpen, TripReason::kConnection);
  Run(10s);
  EXPECT_EQ(far_[1].checks, before);
  EXPECT_EQ(State(1), NodeState::kDisabled);
  News(0, 1, Breaker::kHalfOpen);
  News(0, 1, Breaker::kClosed);
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  EXPECT_EQ(State(1), NodeState::kUp);
  Run(10s);
  EXPECT_GE(far_[1].checks, before + 9);
  EXPECT_EQ(orders_, (Words{"disable 1", "enable 1"}));
}

TEST_F(HealthMonitorTest, FollowsAnOperatorThroughEveryPairOfOrders) {
  const NodeOrder all[] = {NodeOrder::kEnable, NodeOrder::kDrain, NodeOrder::kDisable};
  const NodeState states[] = {NodeState::kUp, NodeState::kDrained, NodeState::kDisabled};
  for (size_t first = 0; first < 3; ++first) {
    for (size_t second = 0; second < 3; ++second) {
      MakeChecked();
      monitor_->Order(*Record(1), all[first]);
      EXPECT_EQ(State(1), states[first]);
      monitor_->Order(*Record(1), all[second]);
      EXPECT_EQ(State(1), states[second]);
      EXPECT_EQ(Record(1)->verdict(), second == 0 ? kServe : kOut);
      // The workers heard of their part, and the checks run or not.
      const bool was_disabled = first == 2;
      const bool is_disabled = second == 2;
      const Words expected = was_disabled && !is_disabled  ? Words{"disable 1", "enable 1"}
                             : was_disabled || is_disabled ? Words{"disable 1"}
                                                           : Words{};
      EXPECT_EQ(orders_, expected) << first << second;
      Act();
      const size_t before = far_[1].checks;
      Run(3s);
      EXPECT_EQ(far_[1].checks > before, !is_disabled) << first << second;
      monitor_->Order(*Record(1), NodeOrder::kEnable);
      Run(3s);
      EXPECT_EQ(State(1), NodeState::kUp);
    }
  }
}

TEST_F(HealthMonitorTest, KeepsASickNodeDownWhenAnOperatorEnablesIt) {
  MakeChecked();
  News(0, 1, Breaker::kOpen);
  monitor_->Order(*Record(1), NodeOrder::kDrain);
  EXPECT_EQ(State(1), NodeState::kDrained);
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(Record(1)->verdict(), kOut);
}

TEST_F(HealthMonitorTest, FailsOpenBeyondMaxEjectedAndComesBackByItself) {
  MakeChecked();
  News(0, 0, Breaker::kOpen);
  News(0, 1, Breaker::kOpen);
  EXPECT_EQ(Verdicts(), (std::vector{kOut, kOut, kServe, kServe}));
  News(0, 2, Breaker::kOpen);
  EXPECT_EQ(Verdicts(), (std::vector{kAsk, kAsk, kAsk, kAsk}));
  News(0, 2, Breaker::kHalfOpen);
  EXPECT_EQ(Verdicts(), (std::vector{kAsk, kAsk, kAsk, kAsk}));  // Two are still more than 60 % of two.
  News(0, 0, Breaker::kHalfOpen);
  EXPECT_EQ(Verdicts(), (std::vector{kServe, kOut, kServe, kServe}));
}

// An operator's order is no sickness: it neither counts for the limit nor is undone by it.
TEST_F(HealthMonitorTest, KeepsWhatAnOperatorTookOutOutAlsoWhenThePoolFailsOpen) {
  MakeChecked();
  monitor_->Order(*Record(3), NodeOrder::kDrain);
  News(0, 0, Breaker::kOpen);
  News(0, 1, Breaker::kOpen);
  EXPECT_EQ(Verdicts(), (std::vector{kOut, kOut, kServe, kOut}));
  News(0, 2, Breaker::kOpen);
  EXPECT_EQ(Verdicts(), (std::vector{kAsk, kAsk, kAsk, kOut}));
}

TEST_F(HealthMonitorTest, CountsFewTransitionsOfANodeThatFlaps) {
  MakeChecked();
  for (int i = 0; i < 15; ++i) {
    far_[1].refuses = true;
    far_[1].answer = "-LOADING x\r\n";
    Run(2s);
    far_[1] = {};
    Run(2s);
  }
  Run(10s);
  EXPECT_LE(Count("up>down check"), 15U);
  EXPECT_EQ(Count("up>down check"), Count("down>up check"));
  EXPECT_EQ(State(1), NodeState::kUp);
}

TEST_F(HealthMonitorTest, SaysNotEachTimeThatANodeComesAndGoesAndHidesNoOthersNews) {
  MakeChecked();
  const test::LogCapture log;
  for (int i = 0; i < 50; ++i) {
    News(0, 1, Breaker::kOpen);
    News(0, 1, Breaker::kClosed);
  }
  News(0, 2, Breaker::kOpen);
  std::string text = log.text();
  EXPECT_EQ(std::ranges::count(text, '\n'), backends::LineLimit::kBurst + 1);
  EXPECT_THAT(text, testing::HasSubstr("node r2 of pool main is down: too many timeouts in a row"));
  backends::LineLimit::SayLeftOut(loop_.now() + 1s);
  text = log.text();
  EXPECT_THAT(text, testing::HasSubstr("90 more lines like this were left out: node r1 of pool main is"));
}

TEST_F(HealthMonitorTest, SaysNotEachTimeThatAPoolHasTooFewNodes) {
  MakeChecked();
  const test::LogCapture log;
  for (int i = 0; i < 50; ++i) {
    for (const Breaker state : {Breaker::kOpen, Breaker::kClosed}) {
      for (uint32_t node = 0; node < 3; ++node) News(0, node, state);
    }
  }
  const std::string text = log.text();
  EXPECT_EQ(std::ranges::count(text, '\n'), (3 + 1) * backends::LineLimit::kBurst);
  EXPECT_THAT(text, testing::HasSubstr("more nodes of pool main are down than max_ejected"));
}

TEST_F(HealthMonitorTest, LeavesNothingBehindWhenItDiesInTheMiddleOfItsChecks) {
  Make().Start();
  loop_.Advance(600ms);
  EXPECT_GT(loop_.sockets(), 0U);
  monitor_.reset();
  for (size_t i = 0; i < loop_.sockets(); ++i) EXPECT_TRUE(loop_.socket(i).closed());
  loop_.Advance(1h);
}

TEST_F(HealthMonitorTest, JudgesNobodyByChecksThatItCouldNotSend) {
  MakeChecked();
  for (Far& far : far_) {
    far.own_trouble = EMFILE;
    far.refuses = false;
  }
  for (size_t i = 0; i < loop_.sockets(); ++i) {
    if (!loop_.socket(i).closed()) loop_.socket(i).ReceiveEnd();  // Idle connections that the nodes close.
  }
  const size_t before = loop_.sockets();
  Run(10s);
  EXPECT_EQ(Transitions(), 0U);
  EXPECT_GE(loop_.sockets() - before, kNodes * 30U);   // Tried again soon,
  EXPECT_LE(loop_.sockets() - before, kNodes * 100U);  // but not without a pause.
  for (Far& far : far_) far.own_trouble = 0;
  const uint64_t checks = far_[0].checks;
  Run(1s);
  EXPECT_GT(far_[0].checks, checks);
}

}  // namespace
}  // namespace ringproxy::proxy
