#include "backends/health/latency_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ringproxy::backends {
namespace {

using net::Duration;
using namespace std::chrono_literals;

TEST(LatencyWindow, IsExactBelowThirtyTwoMicroseconds) {
  for (int us = 0; us < 32; ++us) {
    LatencyWindow window;
    window.Record(Duration(us));
    EXPECT_EQ(window.Percentile(1), Duration(us));
  }
}

TEST(LatencyWindow, IsAtMostASixteenthTooHighAtEveryBoundary) {
  for (int doubling = 5; doubling <= 24; ++doubling) {
    for (const int64_t us : {(1LL << doubling) - 1, (1LL << doubling), (1LL << doubling) + 1}) {
      if (us >= 1LL << 24) continue;
      LatencyWindow window;
      window.Record(Duration(us));
      EXPECT_GE(window.Percentile(0.5).count(), us);
      EXPECT_LE(window.Percentile(0.5).count(), us + us / 16);
    }
  }
}

TEST(LatencyWindow, CountsWhatIsTooLongAsTheLongestAndWhatIsNegativeAsNothing) {
  LatencyWindow window;
  window.Record(1h);
  EXPECT_EQ(window.Percentile(1), Duration((1 << 24) - 1));
  window.Record(-1us);
  EXPECT_EQ(window.Percentile(0.5), Duration(0));
  EXPECT_EQ(window.total(), 2U);
}

TEST(LatencyWindow, ForgetsEverythingWhenCleared) {
  LatencyWindow window;
  for (int i = 0; i < 100; ++i) window.Record(1s);
  window.Clear();
  EXPECT_EQ(window.total(), 0U);
  window.Record(3us);
  EXPECT_EQ(window.Percentile(0.95), 3us);
}

// Against sorting, for durations of every magnitude.
TEST(LatencyWindow, GivesPercentilesWithinASixteenthOfTheTrueOnes) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    LatencyWindow window;
    std::vector<int64_t> all(1 + random() % 500);
    const double spread = std::uniform_real_distribution<double>(0.1, 3)(random);
    for (int64_t& us : all) {
      us = std::min<int64_t>(std::llround(std::lognormal_distribution<double>(6, spread)(random)), (1 << 24) - 1);
      window.Record(Duration(us));
    }
    std::ranges::sort(all);
    for (const double share : {0.001, 0.5, 0.9, 0.95, 0.99, 1.0}) {
      const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(all.size())));
      const int64_t exact = all[rank - 1];
      const int64_t told = window.Percentile(share).count();
      ASSERT_GE(told, exact) << share;
      ASSERT_LE(told, exact + exact / 16) << share;
    }
  }
}

}  // namespace
}  // namespace ringproxy::backends
