// tests/tools/benchmark/histogram_test.cc
#include "tools/benchmark/histogram.h"

#include <gtest/gtest.h>

namespace ringproxy::bench {
namespace {

TEST(Histogram, FindsQuantilesWithinTwoPercentFromNanosecondsToMinutes) {
  for (uint64_t value = 1; value < 600'000'000'000; value = value * 3 + 1) {
    Histogram histogram;
    histogram.Add(value);
    histogram.Add(value * 1000);
    EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.5)), static_cast<double>(value),
                0.02 * static_cast<double>(value));
  }
}

TEST(Histogram, OrdersQuantiles) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100'000; ++value) histogram.Add(value);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.5)), 50'000, 1000);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.99)), 99'000, 2000);
  EXPECT_NEAR(static_cast<double>(histogram.Quantile(0.999)), 99'900, 2000);
  EXPECT_EQ(histogram.max(), 100'000U);
}

TEST(Histogram, IsZeroWhenEmpty) {
  EXPECT_EQ(Histogram().Quantile(0.99), 0U);
}

}  // namespace
}  // namespace ringproxy::bench
