#include "backends/health/latency_gradient.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class LatencyGradientTest : public testing::Test {
 protected:
  // One of ten replies; says its verdict.
  LatencyGradient::WindowReading Window(net::Duration latency, uint64_t in_flight = 1) {
    for (int i = 0; i < 10; ++i) gradient_.Add(latency, true, in_flight);
    now_ += LatencyGradient::kWindow;
    EXPECT_TRUE(gradient_.WindowIsOver(now_));
    return gradient_.EndWindow(now_);
  }
  double Windows(int count, net::Duration latency) {
    double last = 0;
    for (int i = 0; i < count; ++i) last = Window(latency).gradient;
    return last;
  }

  LatencyGradient gradient_;
  net::TimePoint now_{1h};
};

TEST_F(LatencyGradientTest, EndsAWindowAfterItsTimeAndNotBeforeTenRepliesThatTheClockMayJudge) {
  Window(1ms);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(gradient_.WindowIsOver(now_ + 1h));
    gradient_.Add(1ms, false, 1);
    gradient_.Add(1ms, true, 1);
  }
  EXPECT_FALSE(gradient_.WindowIsOver(now_ + 99'999us));
  EXPECT_TRUE(gradient_.WindowIsOver(now_ + 100ms));
}

TEST_F(LatencyGradientTest, TakesHalfAsSlowAgainForUsualAndNoMore) {
  EXPECT_EQ(Windows(100, 2ms), 1.0);
  EXPECT_EQ(Windows(1, 3ms), 1.0);
  EXPECT_NEAR(Windows(1, 4ms), 0.75, 0.02);
  EXPECT_EQ(Windows(1, 1s), 0.5);
}

TEST_F(LatencyGradientTest, TakesWhatLastsLessThanHalfAMillisecondForThat) {
  Windows(100, 20us);
  EXPECT_EQ(Windows(1, 750us), 1.0);
}

TEST_F(LatencyGradientTest, LeavesOutLatenciesThatTheClockMayNotJudge) {
  Windows(100, 2ms);
  for (int i = 0; i < 10; ++i) gradient_.Add(1s, false, 1);
  EXPECT_EQ(Windows(1, 2ms), 1.0);
}

TEST_F(LatencyGradientTest, SaysTheMostThatWasUnderWayInItsWindow) {
  gradient_.Add(1ms, false, 70);
  EXPECT_EQ(Window(1ms, 20).most_in_flight, 70U);
  EXPECT_EQ(Window(1ms, 20).most_in_flight, 20U);
}

TEST_F(LatencyGradientTest, SoonForgetsTheLatenciesOfAnOverload) {
  Windows(300, 100ms);
  Windows(100, 2ms);
  EXPECT_LT(Windows(1, 20ms), 1.0);
}

}  // namespace
}  // namespace ringproxy::backends
