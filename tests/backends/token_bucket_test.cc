#include "backends/token_bucket.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace ringproxy::backends {
namespace {

using net::Duration;
using net::TimePoint;
using namespace std::chrono_literals;

TEST(TokenBucket, GivesTheBurstAtOnceAndNotOneMore) {
  TokenBucket bucket(10, 3);
  const TimePoint now(5s);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(now)) << i;
  EXPECT_FALSE(bucket.Take(now));
}

TEST(TokenBucket, GivesOneMoreAfterExactlyTheTimeOfOneToken) {
  TokenBucket bucket(10, 1);
  const TimePoint now(5s);
  EXPECT_TRUE(bucket.Take(now));
  EXPECT_FALSE(bucket.Take(now + 99'999us));
  EXPECT_TRUE(bucket.Take(now + 100ms));
  EXPECT_FALSE(bucket.Take(now + 199'999us));
}

TEST(TokenBucket, LosesNothingByARefusal) {
  TokenBucket bucket(10, 1);
  const TimePoint now(5s);
  EXPECT_TRUE(bucket.Take(now));
  for (int i = 1; i < 100; ++i) EXPECT_FALSE(bucket.Take(now + i * 1ms));
  EXPECT_TRUE(bucket.Take(now + 100ms));
}

TEST(TokenBucket, IsNeverFullerThanItsBurst) {
  TokenBucket bucket(1000, 2);
  EXPECT_TRUE(bucket.Take(TimePoint(1s)));
  const TimePoint later(1h);
  EXPECT_TRUE(bucket.Take(later));
  EXPECT_TRUE(bucket.Take(later));
  EXPECT_FALSE(bucket.Take(later));
}

TEST(TokenBucket, IsFullAtTheStartOfAllTime) {
  TokenBucket bucket(1, 2);
  EXPECT_EQ(bucket.WaitFor(TimePoint{}), Duration(0));
  EXPECT_TRUE(bucket.Take(TimePoint{}));
  EXPECT_TRUE(bucket.Take(TimePoint{}));
  EXPECT_FALSE(bucket.Take(TimePoint{}));
}

// A rate below one a second, whose tokens do not come at whole microseconds.
TEST(TokenBucket, SaysHowLongToWaitSuchThatTheTokenIsThereThenAndNotBefore) {
  for (const double rate : {0.7, 3.0, 8.0, 999.0, 300'000.0}) {
    TokenBucket bucket(rate, 2);
    const TimePoint now(7s);
    while (bucket.Take(now)) {
    }
    const Duration wait = bucket.WaitFor(now);
    EXPECT_GT(wait, Duration(0)) << rate;
    EXPECT_FALSE(bucket.Take(now + wait - 1us)) << rate;
    EXPECT_EQ(bucket.WaitFor(now + wait), Duration(0)) << rate;
    EXPECT_TRUE(bucket.Take(now + wait)) << rate;
  }
}

// The promise, over every interval that begins and ends with a token: no other can hold more.
TEST(TokenBucket, GivesAtMostBurstPlusRateTimesTimeInAnyInterval) {
  std::mt19937_64 random(7);
  for (const auto& [rate, burst] : {std::pair{1.0, 1}, {8.0, 2}, {333.0, 50}, {100'000.0, 7}}) {
    TokenBucket bucket(rate, static_cast<uint64_t>(burst));
    TimePoint now(1s);
    std::deque<TimePoint> taken;
    for (int i = 0; i < 3000; ++i) {
      const double pause = std::exponential_distribution<double>(rate / 1.5)(random) * 1e6;
      if (random() % 4 == 0) now += Duration(static_cast<int64_t>(std::min(pause * 4, 1e7)));
      if (!bucket.Take(now)) continue;
      taken.push_back(now);
      if (taken.size() > 300) taken.pop_front();
      for (size_t k = 0; k < taken.size(); ++k) {
        const double seconds = std::chrono::duration<double>(now - taken[k]).count();
        const auto count = static_cast<double>(taken.size() - k);
        ASSERT_LE(count, burst + rate * seconds + 1e-6) << rate << " a second, burst " << burst;
      }
    }
    EXPECT_GT(taken.size(), 100U);
  }
}

// Where tokens do not come at whole nanoseconds.
TEST(TokenBucket, KeepsItsPromiseAtTheHighestRates) {
  for (const double rate : {3e8, 4e8, 7e8, 1e9}) {
    TokenBucket bucket(rate, 1000);
    TimePoint now(1s);
    while (bucket.Take(now)) {
    }
    now += 1us;
    int taken = 0;
    while (bucket.Take(now)) ++taken;
    EXPECT_LE(taken, rate / 1e6);
    EXPECT_GE(taken, rate / 2e6);
  }
}

// And it is no miser: whoever asks all the time gets the rate.
TEST(TokenBucket, GivesTheWholeRateToWhoAsksOften) {
  TokenBucket bucket(333, 5);
  int taken = 0;
  for (TimePoint now(1s); now < TimePoint(11s); now += 100us) taken += bucket.Take(now) ? 1 : 0;
  EXPECT_GE(taken, 3334);
  EXPECT_LE(taken, 3335);
}

}  // namespace
}  // namespace ringproxy::backends
