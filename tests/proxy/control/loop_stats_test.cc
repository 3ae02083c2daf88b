#include "proxy/control/loop_stats.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

TEST(LoopStats, SaysHowMuchOfTheTimeSinceTheLastSampleWasWork) {
  LoopStats stats;
  stats.Sample();
  EXPECT_EQ(stats.busy_ratio(), 0);
  stats.Record({.waited = 700ms, .took = 100ms});
  stats.Record({.waited = 0ms, .took = 200ms});
  EXPECT_EQ(stats.busy_ratio(), 0);  // Until it is sampled.
  stats.Sample();
  EXPECT_DOUBLE_EQ(stats.busy_ratio(), 0.3);
  stats.Record({.waited = 0ms, .took = 5s});
  stats.Sample();
  EXPECT_DOUBLE_EQ(stats.busy_ratio(), 1);
  stats.Record({.waited = 1s, .took = 0ms});
  stats.Sample();
  EXPECT_DOUBLE_EQ(stats.busy_ratio(), 0);
}

TEST(LoopStats, KeepsTheLastRatioWhereNoTimeHasPassed) {
  LoopStats stats;
  stats.Record({.waited = 1s, .took = 1s});
  stats.Sample();
  stats.Sample();
  EXPECT_DOUBLE_EQ(stats.busy_ratio(), 0.5);
}

TEST(LoopStats, TakesEachTurnForTheDelayOfTheOthers) {
  LoopStats stats;
  stats.Record({.waited = 10s, .took = 3us});
  stats.Record({.waited = 0ms, .took = 3us});
  EXPECT_EQ(stats.delay().sum_us(), 6U);
  EXPECT_EQ(stats.delay().bucket(2), 2U);
}

}  // namespace
}  // namespace ringproxy::proxy
