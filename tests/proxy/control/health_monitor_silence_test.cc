// Nodes that workers call silent, and breakers that a check overrules.
#include "tests/proxy/control/health_monitor_fixture.h"

namespace ringproxy::proxy {
namespace {

TEST_F(HealthMonitorTest, HasASilentNodeOutAsSoonAsOneCheckIsNotAnswered) {
  MakeChecked();
  far_[1].answer = "";
  Silence(0, 1);
  Run(499ms);
  EXPECT_EQ(State(1), NodeState::kUp);
  Run(2ms);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(View(1).detail, "no answer to a check within 500ms");
  EXPECT_EQ(Record(1)->verdict(), kOut);
  EXPECT_EQ(orders_, Words{"distrust 1"});
}

TEST_F(HealthMonitorTest, TakesASilentNodeBackWithItsFirstAnswer) {
  MakeChecked();
  far_[1].answer = "";
  Silence(0, 1);
  Run(501ms);
  ASSERT_EQ(State(1), NodeState::kDown);
  far_[1].answer = "+PONG\r\n";
  Run(230ms);  // The fast interval.
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(orders_, (Words{"distrust 1", "hurry 1"}));
}

TEST_F(HealthMonitorTest, CountsACheckThatIsUnderWayForTheSilence) {
  MakeChecked();
  far_[1].answer = "";
  const size_t before = far_[1].checks;
  for (int i = 0; i < 1200 && far_[1].checks == before; ++i) Run(1ms);  // One has just been asked.
  Silence(1, 1);
  Run(501ms);
  EXPECT_EQ(State(1), NodeState::kDown);
}

TEST_F(HealthMonitorTest, LeavesASilentNodeInThatAnswersAndTellsTheWorkers) {
  MakeChecked();
  const size_t before = far_[1].checks;
  Silence(0, 1);
  Silence(1, 1);
  Act();
  EXPECT_EQ(far_[1].checks, before + 1);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(orders_, Words{"hurry 1"});
  EXPECT_EQ(Transitions(), 0U);
}

TEST_F(HealthMonitorTest, CountsBadAnswersOfASilentNodeAsItAlwaysDoes) {
  MakeChecked();
  far_[1].answer = "-LOADING x\r\n";
  Silence(0, 1);
  Act();
  EXPECT_EQ(State(1), NodeState::kUp);
  Run(600ms);  // Two more at the fast pace.
  EXPECT_EQ(State(1), NodeState::kDown);
}

TEST_F(HealthMonitorTest, WaitsFiveSecondsWhileSomethingHeavyIsUnderWay) {
  MakeChecked();
  far_[1].answer = "";
  SetBusy(1, true);
  Silence(0, 1);
  Run(4990ms);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_TRUE(orders_.empty());
  Run(20ms);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(View(1).detail, "no answer to a check within 5s");
}

TEST_F(HealthMonitorTest, KeepsANodeThatAnswersOnceTheHeavyThingIsDone) {
  MakeChecked();
  std::string& answer = far_[1].answer;
  answer = "";
  SetBusy(1, true);
  Silence(0, 1);
  Run(4700ms);
  SetBusy(1, false);
  Run(100ms);
  answer = "+PONG\r\n";
  for (size_t i = 0; i < loop_.sockets(); ++i) {
    if (!loop_.socket(i).closed() && loop_.socket(i).endpoint.port == 1) loop_.socket(i).Receive(answer);
  }
  Run(100ms);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(Transitions(), 0U);
  EXPECT_EQ(orders_, Words{"hurry 1"});
}

TEST_F(HealthMonitorTest, ChecksNoSilentNodeThatNobodyShallCheck) {
  pool().health.interval = 0s;
  MakeChecked();
  Silence(0, 1);
  Run(10s);
  EXPECT_EQ(loop_.sockets(), 0U);
  pool().health.interval = 1s;
  MakeChecked();
  monitor_->Order(*Record(1), NodeOrder::kDisable);
  const size_t before = far_[1].checks;
  Silence(0, 1);
  Run(1s);
  EXPECT_EQ(far_[1].checks, before);
  monitor_->Order(*Record(1), NodeOrder::kEnable);
  Run(1s);
  EXPECT_EQ(State(1), NodeState::kUp);
}

TEST_F(HealthMonitorTest, LetsAGoodCheckOverruleABreakerAndLeavesItToItsWorker) {
  MakeChecked();
  News(0, 1, Breaker::kOpen, TripReason::kFailures);
  EXPECT_EQ(State(1), NodeState::kDown);
  Act();  // The check that this asks for.
  EXPECT_EQ(State(1), NodeState::kTrial);
  EXPECT_EQ(Record(1)->verdict(), kServe);
  EXPECT_EQ(orders_, Words{"hurry 1"});
  // It goes on failing there alone.
  News(0, 1, Breaker::kHalfOpen);
  News(0, 1, Breaker::kOpen, TripReason::kFailures);
  EXPECT_EQ(State(1), NodeState::kTrial);
  EXPECT_EQ(Record(1)->verdict(), kServe);
  Run(3s);
  EXPECT_GE(orders_.size(), 3U) << "with each good check";
  News(0, 1, Breaker::kHalfOpen);
  News(0, 1, Breaker::kClosed);
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(Count("up>down failures"), 1U);
  // Closed once, it counts again.
  News(0, 1, Breaker::kOpen, TripReason::kConnection);
  EXPECT_EQ(State(1), NodeState::kDown);
}

TEST_F(HealthMonitorTest, BelievesABreakerAgainOnceACheckHasFailedToo) {
  MakeChecked();
  News(0, 1, Breaker::kOpen, TripReason::kFailures);
  Act();
  ASSERT_EQ(State(1), NodeState::kTrial);
  far_[1].answer = "-LOADING x\r\n";
  Run(1200ms);
  EXPECT_EQ(State(1), NodeState::kDown);
  EXPECT_EQ(orders_.back(), "distrust 1");
}

}  // namespace
}  // namespace ringproxy::proxy
