#include "ring/skew.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

using Values = std::vector<double>;

TEST(Skew, OfAnEvenLoadIsNone) {
  const Spread spread = MeasureSpread(Values{5, 5, 5}, Values{1, 1, 1});
  EXPECT_DOUBLE_EQ(spread.peak_to_mean, 1);
  EXPECT_DOUBLE_EQ(spread.cv, 0);
  EXPECT_NEAR(spread.gini, 0, 1e-12);
  EXPECT_DOUBLE_EQ(MeasureSpread(Values{0, 0}, Values{1, 1}).peak_to_mean, 1);
}

TEST(Skew, KnowsTheFiguresOfAKnownLoad) {
  const Spread spread = MeasureSpread(Values{1, 2, 3}, Values{1, 1, 1});
  EXPECT_DOUBLE_EQ(spread.peak_to_mean, 1.5);
  EXPECT_NEAR(spread.cv, std::sqrt(2.0 / 3) / 2, 1e-12);
  EXPECT_NEAR(spread.gini, 2.0 / 9, 1e-12);
  EXPECT_NEAR(MeasureSpread(Values{0, 0, 0, 7}, Values{1, 1, 1, 1}).gini, 0.75, 1e-12);
}

TEST(Skew, JudgesANodeByItsWeight) {
  const Spread fair = MeasureSpread(Values{10, 20, 70}, Values{1, 2, 7});
  EXPECT_NEAR(fair.peak_to_mean, 1, 1e-12);
  EXPECT_NEAR(fair.cv, 0, 1e-12);
  EXPECT_NEAR(MeasureSpread(Values{20, 10, 70}, Values{1, 2, 7}).peak_to_mean, 2, 1e-12);
}

// CV = sqrt((N-1)/(NV+1)): a hundred rings of different names, against the sampling error of their mean.
TEST(Skew, OfAVnodeRingIsWhatChanceMakesIt) {
  for (const uint32_t virtual_nodes : {16U, 128U}) {
    constexpr uint32_t kRings = 100;
    constexpr uint32_t kNodes = 10;
    double sum = 0;
    for (uint32_t i = 0; i < kRings; ++i) {
      const auto ring =
          MakeRing({.virtual_nodes = virtual_nodes}, EqualNodes(kNodes, "ring" + std::to_string(i) + "-"));
      const double cv = MeasureSpread(RingShares(*ring), Values(kNodes, 1)).cv;
      sum += cv * cv;
    }
    const double expected = ExpectedCv(kNodes, virtual_nodes);
    EXPECT_NEAR(std::sqrt(sum / kRings) / expected, 1, 0.1) << virtual_nodes;
  }
}

TEST(Skew, ExpectsAPeakThatFallsWithTheRootOfTheVirtualNodes) {
  EXPECT_DOUBLE_EQ(ExpectedPeak(1, 1024), 1);
  EXPECT_NEAR(ExpectedPeak(10, 160), 1.16, 0.02);
  EXPECT_NEAR(ExpectedPeak(100, 1000), 1.10, 0.02);
  EXPECT_NEAR((ExpectedPeak(10, 64) - 1) / (ExpectedPeak(10, 256) - 1), 2, 0.01);
}

TEST(Skew, SharesOfARingAreAWhole) {
  const auto ring = MakeVnodeRing(WeightedNodes());
  double sum = 0;
  for (const double share : RingShares(*ring)) sum += share;
  EXPECT_NEAR(sum, 1, 1e-9);
}

}  // namespace
}  // namespace ringproxy::ring
