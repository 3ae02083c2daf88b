// What becomes of the nodes' states when another snapshot is adopted.
#include "tests/proxy/control/health_monitor_fixture.h"

namespace ringproxy::proxy {
namespace {

TEST_F(HealthMonitorTest, ChecksTheNodesThatComeAndNoLongerThoseThatLeave) {
  MakeChecked();
  pool().nodes.erase(pool().nodes.begin());
  pool().nodes.push_back({"r4", {"10.0.0.1", kNodes, ""}, 1});
  Adopt();
  Run(100ms);  // What was under way has ended.
  const size_t checks = far_[0].checks;
  EXPECT_EQ(other_.checks, 0U);
  Run(5s);
  EXPECT_EQ(far_[0].checks, checks);
  EXPECT_GE(other_.checks, 4U);
  other_.answer = "-LOADING\r\n";
  Run(5s);
  EXPECT_EQ(State(3), NodeState::kDown);
  EXPECT_EQ(Record(3)->verdict(), kOut);
}

TEST_F(HealthMonitorTest, KeepsTheStateOfANodeThatStaysWhereverItStands) {
  MakeChecked();
  far_[1].answer = "-LOADING\r\n";
  Run(5s);
  monitor_->Order(*Record(2), NodeOrder::kDrain);
  const auto since = View(1).since;
  std::ranges::reverse(pool().nodes);
  pool().nodes[0].weight = 7;
  pool().timeouts.request = 77ms;
  Adopt();
  EXPECT_EQ(Record(2)->name(), "r1");
  EXPECT_EQ(State(2), NodeState::kDown);
  EXPECT_EQ(View(2).since, since);
  EXPECT_EQ(State(1), NodeState::kDrained);
  EXPECT_EQ(Verdicts(), (std::vector<Verdict>{kServe, kOut, kOut, kServe}));
  far_[1].answer = "+PONG\r\n";
  Run(10s);
  EXPECT_EQ(State(2), NodeState::kUp);
  EXPECT_EQ(Count("down>up check"), 1U);
}

TEST_F(HealthMonitorTest, ANodeWithAnotherAddressBeginsAnew) {
  MakeChecked();
  far_[1].answer = "-LOADING\r\n";
  Run(5s);
  ASSERT_EQ(State(1), NodeState::kDown);
  pool().nodes[1].address.port = kNodes;
  Adopt();
  EXPECT_EQ(State(1), NodeState::kUp);
  EXPECT_EQ(Record(1)->verdict(), kServe);
  Run(5s);
  EXPECT_GE(other_.checks, 4U);
  EXPECT_EQ(State(1), NodeState::kUp);
}

TEST_F(HealthMonitorTest, NewsOfANodeThatHasLeftConcernNobody) {
  Make();
  const auto gone = Record(0);
  pool().nodes.erase(pool().nodes.begin());
  Adopt();
  monitor_->OnBreaker(0, {gone, Breaker::kOpen, TripReason::kTimeouts, ""});
  monitor_->Order(*gone, NodeOrder::kDrain);
  EXPECT_EQ(gone->view.state, NodeState::kUp);
  EXPECT_EQ(Transitions(), 0U);
}

TEST_F(HealthMonitorTest, KnowsTheBreakersOfANodeThatComesBack) {
  Make();
  const conf::Node node = pool().nodes[0];
  const auto record = Record(0);
  pool().nodes.erase(pool().nodes.begin());
  Adopt();
  // A worker that has not heard of either snapshot yet.
  record->stats(1).breaker_state.Set(static_cast<uint64_t>(Breaker::kOpen));
  pool().nodes.push_back(node);
  Adopt();
  EXPECT_EQ(Record(3), record);
  EXPECT_EQ(State(3), NodeState::kDown);
  record->stats(1).breaker_state.Set(static_cast<uint64_t>(Breaker::kClosed));
  News(1, 3, Breaker::kClosed);
  EXPECT_EQ(State(3), NodeState::kUp);
}

TEST_F(HealthMonitorTest, ANodeThatComesBackIsStillUnderItsOrder) {
  MakeChecked();
  monitor_->Order(*Record(3), NodeOrder::kDisable);
  const conf::Node node = pool().nodes[3];
  pool().nodes.pop_back();
  Adopt();
  orders_.clear();
  pool().nodes.push_back(node);
  Adopt();
  EXPECT_EQ(State(3), NodeState::kDisabled);
  EXPECT_EQ(Record(3)->verdict(), kOut);
  EXPECT_EQ(orders_, Words{"disable 3"});
  monitor_->Order(*Record(3), NodeOrder::kEnable);
  EXPECT_EQ(State(3), NodeState::kUp);
}

TEST_F(HealthMonitorTest, ANodeThatComesBackIsEmptiedBeforeItServesWherePoolsWantThat) {
  pool().flush_on_return = true;
  MakeChecked();
  const conf::Node node = pool().nodes[3];
  pool().nodes.pop_back();
  Adopt();
  pool().nodes.push_back(node);
  Adopt();
  EXPECT_EQ(Record(3)->verdict(), kOut);
  Run(1s);
  EXPECT_EQ(far_[3].flushes, 1U);
  EXPECT_EQ(State(3), NodeState::kUp);
  EXPECT_EQ(Record(3)->verdict(), kServe);
}

TEST_F(HealthMonitorTest, CountsTheSickAnewAgainstThePoolThatThereIs) {
  pool().max_ejected = {500};
  Make();
  News(0, 0, Breaker::kOpen);
  News(0, 1, Breaker::kOpen);
  EXPECT_EQ(Verdicts(), (std::vector<Verdict>{kOut, kOut, kServe, kServe}));
  const std::vector<conf::Node> all = pool().nodes;
  pool().nodes.pop_back();
  Adopt();
  for (uint32_t n = 0; n < 3; ++n) EXPECT_EQ(Record(n)->verdict(), kAsk) << "two of three are more than half";
  pool().nodes = all;
  Adopt();
  EXPECT_EQ(Verdicts(), (std::vector<Verdict>{kOut, kOut, kServe, kServe}));
}

}  // namespace
}  // namespace ringproxy::proxy
