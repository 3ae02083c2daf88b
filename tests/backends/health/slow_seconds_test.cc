#include "backends/health/slow_seconds.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class SlowSecondsTest : public testing::Test {
 protected:
  void Add(int count, net::Duration latency) {
    for (int i = 0; i < count; ++i) seconds_.Add(latency);
  }

  conf::Breaker options_{.min_requests = 20, .slow_ratio = {500}, .slow_threshold = 100ms, .slow_factor = {}};
  SlowSeconds seconds_{options_};
};

TEST_F(SlowSecondsTest, SaysWhichRepliesAreSlowFromExactlyTheThreshold) {
  EXPECT_FALSE(seconds_.Add(99'999us));
  EXPECT_TRUE(seconds_.Add(100ms));
  options_.slow_ratio = {};
  EXPECT_FALSE(seconds_.Add(1h));
}

TEST_F(SlowSecondsTest, CountsASecondAsSoonAsItHasEnoughRepliesOfWhichEnoughAreSlow) {
  Add(19, 1s);
  EXPECT_EQ(seconds_.in_row(), 0U);
  Add(1, 1s);
  EXPECT_EQ(seconds_.in_row(), 1U);
  Add(20, 1ms);
  EXPECT_EQ(seconds_.in_row(), 1U);
  Add(1, 1ms);
  EXPECT_EQ(seconds_.in_row(), 0U) << "20 of 41";
}

TEST_F(SlowSecondsTest, CountsSecondsThatFollowEachOther) {
  for (uint32_t second = 1; second <= 5; ++second) {
    Add(20, 1s);
    EXPECT_EQ(seconds_.in_row(), second);
    seconds_.EndSecond(true);
    EXPECT_EQ(seconds_.in_row(), 0U) << "it is not known yet";
  }
}

TEST_F(SlowSecondsTest, BeginsAnewAfterAFastSecondOrOneWithoutReplies) {
  for (const bool follows : {true, false}) {
    Add(20, 1s);
    seconds_.EndSecond(follows);
    if (follows) Add(20, 1ms);
    if (follows) seconds_.EndSecond(true);
    Add(20, 1s);
    EXPECT_EQ(seconds_.in_row(), 1U) << follows;
    seconds_.Clear();
  }
}

TEST_F(SlowSecondsTest, ForgetsTheRowWhenCleared) {
  Add(20, 1s);
  seconds_.EndSecond(true);
  Add(20, 1s);
  seconds_.Clear();
  EXPECT_EQ(seconds_.in_row(), 0U);
  Add(20, 1s);
  EXPECT_EQ(seconds_.in_row(), 1U);
}

}  // namespace
}  // namespace ringproxy::backends
