#include "backends/health/tail_latency.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class TailLatencyTest : public testing::Test {
 protected:
  // A second with so many replies.
  void Second(int count, net::Duration latency) {
    for (int i = 0; i < count; ++i) tail_.Record(latency);
    tail_.EndSecond(second_++);
  }

  conf::Breaker options_{.min_requests = 20, .slow_factor = {4000}};
  TailLatency tail_{options_, false};
  int64_t second_ = 100;
};

TEST_F(TailLatencyTest, KeepsAPercentileOnlyForWhoNeedsIt) {
  options_.slow_factor = {};
  TailLatency none(options_, false);
  TailLatency kept(options_, true);
  for (TailLatency* each : {&none, &kept}) {
    for (int i = 0; i < 20; ++i) each->Record(5ms);
    each->EndSecond(100);
  }
  EXPECT_FALSE(none.Percentile95(101));
  EXPECT_TRUE(kept.Percentile95(101));
  EXPECT_EQ(kept.CompareWith(1us, 101), 0U) << "slow_factor is off";
}

TEST_F(TailLatencyTest, LetsAPercentileStandForThreeSecondsUntilThereIsAnother) {
  Second(20, 10ms);
  Second(19, 50ms);
  ASSERT_TRUE(tail_.Percentile95(second_));
  EXPECT_LT(*tail_.Percentile95(second_), 11ms);
  Second(20, 50ms);
  EXPECT_GE(*tail_.Percentile95(second_), 50ms);
  EXPECT_TRUE(tail_.Percentile95(105));
  EXPECT_FALSE(tail_.Percentile95(106));
}

TEST_F(TailLatencyTest, CountsSecondsFarAboveThePoolAndBeginsAnewAfterOneThatIsNot) {
  for (const uint32_t expected : {1U, 2U, 3U}) {
    Second(20, 10ms);
    EXPECT_EQ(tail_.CompareWith(2ms, second_), expected);
  }
  Second(20, 10ms);
  EXPECT_EQ(tail_.CompareWith(9ms, second_), 0U);
  Second(20, 10ms);
  EXPECT_EQ(tail_.CompareWith(2ms, second_), 1U);
}

TEST_F(TailLatencyTest, CountsOnePercentileOnce) {
  Second(20, 10ms);
  EXPECT_EQ(tail_.CompareWith(2ms, second_), 1U);
  EXPECT_EQ(tail_.CompareWith(2ms, second_ + 1), 0U);
  Second(20, 10ms);
  EXPECT_EQ(tail_.CompareWith(2ms, second_), 2U);
}

TEST_F(TailLatencyTest, ComparesNothingBelowTwoMilliseconds) {
  Second(20, 1800us);
  EXPECT_EQ(tail_.CompareWith(1us, second_), 0U);
}

TEST_F(TailLatencyTest, ForgetsWhatItHasSeenWhenCleared) {
  Second(20, 10ms);
  EXPECT_EQ(tail_.CompareWith(2ms, second_), 1U);
  for (int i = 0; i < 20; ++i) tail_.Record(10ms);
  tail_.Clear();
  Second(1, 10ms);
  EXPECT_FALSE(tail_.Percentile95(second_));
  Second(20, 10ms);
  EXPECT_EQ(tail_.CompareWith(2ms, second_), 1U);
}

}  // namespace
}  // namespace ringproxy::backends
