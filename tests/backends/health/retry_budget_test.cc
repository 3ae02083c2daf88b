#include "backends/health/retry_budget.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ringproxy::backends {
namespace {

using net::TimePoint;
using namespace std::chrono_literals;

int SpendAll(RetryBudget& budget, TimePoint now) {
  int spent = 0;
  while (budget.Spend(now)) ++spent;
  return spent;
}

void Request(RetryBudget& budget, int times, TimePoint now) {
  for (int i = 0; i < times; ++i) budget.OnRequest(now);
}

TEST(RetryBudget, GrantsItsLeastRateWithoutAnyRequest) {
  RetryBudget budget({200}, {3});
  EXPECT_EQ(SpendAll(budget, TimePoint(100s)), 30);
}

TEST(RetryBudget, CountsALeastRateByTheMinute) {
  RetryBudget budget({0}, {60, 60s});
  EXPECT_EQ(SpendAll(budget, TimePoint(100s)), 10);
}

TEST(RetryBudget, GrantsItsShareFromExactlyEnoughRequests) {
  RetryBudget budget({200}, {0});
  const TimePoint now(100s);
  Request(budget, 4, now);
  EXPECT_FALSE(budget.Spend(now));
  Request(budget, 1, now);
  EXPECT_TRUE(budget.Spend(now));
  EXPECT_FALSE(budget.Spend(now));
  Request(budget, 995, now);
  EXPECT_EQ(SpendAll(budget, now), 199);
}

TEST(RetryBudget, GrantsNothingWithoutShareAndLeast) {
  RetryBudget budget({0}, {0});
  Request(budget, 1000, TimePoint(100s));
  EXPECT_EQ(SpendAll(budget, TimePoint(100s)), 0);
}

TEST(RetryBudget, LosesNothingByARefusal) {
  RetryBudget budget({500}, {0});
  const TimePoint now(100s);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(budget.Spend(now));
  Request(budget, 2, now);
  EXPECT_TRUE(budget.Spend(now));
}

TEST(RetryBudget, ForgetsRequestsAndGrantsAfterTenSecondsAndNotBefore) {
  RetryBudget budget({200}, {0});
  Request(budget, 50, TimePoint(100s));
  EXPECT_TRUE(budget.Spend(TimePoint(109'999ms)));
  EXPECT_FALSE(budget.Spend(TimePoint(110s)));
  Request(budget, 10, TimePoint(110s));
  // The one of second 109 still counts, and after second 118 no more.
  EXPECT_EQ(SpendAll(budget, TimePoint(118s)), 1);
  EXPECT_EQ(SpendAll(budget, TimePoint(119s)), 1);
}

TEST(RetryBudget, ForgetsEverythingAfterALongSilence) {
  RetryBudget budget({200}, {3});
  Request(budget, 1000, TimePoint(100s));
  EXPECT_EQ(SpendAll(budget, TimePoint(100s)), 230);
  EXPECT_EQ(SpendAll(budget, TimePoint(100'000s)), 30);
}

// Against plain counts by the second. Whatever was granted was within the budget of its ten seconds, and what was
// refused was not.
TEST(RetryBudget, KeepsItsBoundOverAnyTenSeconds) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 30; ++round) {
    const auto share = static_cast<uint32_t>(random() % 500);
    const uint64_t least = random() % 4;
    RetryBudget budget({share}, {least});
    std::map<int64_t, std::pair<uint64_t, uint64_t>> by_second;  // Requests, grants.
    TimePoint now(std::chrono::seconds(random() % 1'000'000));
    for (int i = 0; i < 3000; ++i) {
      if (random() % 8 == 0) now += net::Duration(random() % (random() % 20 == 0 ? 15'000'000 : 300'000));
      const int64_t second = now.time_since_epoch() / 1s;
      if (random() % 3 != 0) {
        budget.OnRequest(now);
        ++by_second[second].first;
        continue;
      }
      uint64_t requests = 0;
      uint64_t grants = 0;
      for (auto at = by_second.upper_bound(second - 10); at != by_second.end(); ++at) {
        requests += at->second.first;
        grants += at->second.second;
      }
      const bool within = (grants + 1) * 1000 <= requests * share + least * 10 * 1000;
      ASSERT_EQ(budget.Spend(now), within) << "round " << round << ", step " << i;
      if (within) ++by_second[second].second;
    }
  }
}

}  // namespace
}  // namespace ringproxy::backends
