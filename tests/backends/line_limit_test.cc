#include "backends/line_limit.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

TEST(LineLimit, WritesABurstThenOneAnIntervalWithTheNumberLeftOut) {
  LineLimit limit(1s, 3);
  net::TimePoint now{100s};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.Take(now), 0U);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(limit.Take(now), std::nullopt);
  EXPECT_EQ(limit.Take(now + 999ms), std::nullopt);
  EXPECT_EQ(limit.Take(now + 1s), 8U);
  EXPECT_EQ(limit.Take(now + 1s), std::nullopt);
  EXPECT_EQ(limit.Take(now + 2s), 1U);
}

TEST(LineLimit, AQuietTimeGivesTheBurstBackAndNoMore) {
  LineLimit limit(1s, 2);
  net::TimePoint now{100s};
  while (limit.Take(now)) {
  }
  now += 1h;
  EXPECT_EQ(limit.Take(now), 1U);
  EXPECT_EQ(limit.Take(now), 0U);
  EXPECT_EQ(limit.Take(now), std::nullopt);
}

TEST(LineLimit, OfOneLineASecondHasNoBurst) {
  LineLimit limit(1s, 1);
  net::TimePoint now{};
  EXPECT_EQ(limit.Take(now), 0U);
  for (int i = 1; i < 100; ++i) EXPECT_EQ(limit.Take(now + i * 10ms), std::nullopt);
  EXPECT_EQ(limit.Take(now + 1s), 99U);
}

}  // namespace
}  // namespace ringproxy::backends
