#include "proxy/guard/limit_algorithm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>
#include <set>
#include <vector>

#include "tests/proxy/guard/limit_models.h"

namespace ringproxy::proxy {
namespace {

using conf::LimitAlgorithm;
using std::chrono::microseconds;
using test::RandomArrivals;
using test::TimedCost;

constexpr int64_t kNanoseconds = 1'000'000'000;

constexpr LimitAlgorithm kTimed[] = {LimitAlgorithm::kTokenBucket, LimitAlgorithm::kSlidingWindow,
                                     LimitAlgorithm::kFixedWindow};
constexpr LimitAlgorithm kAll[] = {LimitAlgorithm::kTokenBucket, LimitAlgorithm::kSlidingWindow,
                                   LimitAlgorithm::kFixedWindow, LimitAlgorithm::kConcurrency};

BucketLimit Limit(LimitAlgorithm algorithm, uint64_t amount, uint64_t burst = 0,
                  microseconds window = microseconds(1'000'000)) {
  return MakeBucketLimit(algorithm, {.amount = amount, .window = window}, burst, static_cast<uint32_t>(amount));
}

TEST(LimitAlgorithm, TheTokenBucketDecidesAsABucketThatIsFilled) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const uint64_t amount = 7 + seed * seed * 11;
    const uint64_t burst = 1 + seed * 3;
    const BucketLimit limit = Limit(LimitAlgorithm::kTokenBucket, amount, burst);
    test::PlainTokenBucket reference(limit.interval_ns, burst);
    uint64_t word = 0;
    for (const TimedCost& arrival : RandomArrivals(seed, 10'000, limit.interval_ns / 2 + 1, burst / 2 + 1)) {
      ASSERT_EQ(TakeFrom(limit, arrival.at, arrival.cost, &word).admitted, reference.Take(arrival)) << seed;
    }
  }
}

// Of every interval between two admissions: B + r·t, in nanoseconds of credit. Clocks that differ by up to 5 ms, in any
// order, do not change that.
TEST(LimitAlgorithm, TheTokenBucketAdmitsBurstAndRateInEveryIntervalWhateverTheClocks) {
  for (const int64_t skew : {int64_t{1}, int64_t{5'000'000}}) {
    const BucketLimit limit = Limit(LimitAlgorithm::kTokenBucket, 1'000, 10);
    std::mt19937_64 random(7);
    std::vector<TimedCost> admitted;
    uint64_t word = 0;
    for (TimedCost arrival : RandomArrivals(3, 6'000, limit.interval_ns / 3, 4)) {
      arrival.at -= static_cast<int64_t>(random() % static_cast<uint64_t>(skew));
      if (TakeFrom(limit, arrival.at, arrival.cost, &word).admitted) admitted.push_back(arrival);
    }
    ASSERT_GT(admitted.size(), 1'000U);
    std::ranges::stable_sort(admitted, {}, &TimedCost::at);
    for (size_t first = 0; first < admitted.size(); ++first) {
      int64_t charged = 0;
      for (size_t last = first; last < admitted.size(); ++last) {
        charged += static_cast<int64_t>(admitted[last].cost) * limit.interval_ns;
        ASSERT_LE(charged, limit.tolerance_ns + admitted[last].at - admitted[first].at);
      }
    }
  }
}

TEST(LimitAlgorithm, WindowsDecideAsPlainCounters) {
  for (const bool slides : {false, true}) {
    for (uint64_t seed = 1; seed <= 20; ++seed) {
      const uint64_t amount = 3 + seed * seed;
      const microseconds window(1'000 + static_cast<int64_t>(seed) * 777);
      const BucketLimit limit =
          Limit(slides ? LimitAlgorithm::kSlidingWindow : LimitAlgorithm::kFixedWindow, amount, 0, window);
      test::PlainWindows reference(static_cast<int64_t>(amount), limit.window_ns, slides);
      uint64_t word = 0;
      const int64_t gap = limit.window_ns / static_cast<int64_t>(amount) / 2 + 1;
      for (const TimedCost& arrival : RandomArrivals(seed, 5'000, gap, std::min<uint64_t>(amount, 4))) {
        // What costs nothing is admitted unless there is debt, and here is none.
        ASSERT_EQ(TakeFrom(limit, arrival.at, arrival.cost, &word).admitted, reference.Take(arrival)) << seed;
      }
    }
  }
}

TEST(LimitAlgorithm, ConcurrencyCountsThoseThatHaveNotEnded) {
  const BucketLimit limit = Limit(LimitAlgorithm::kConcurrency, 10);
  std::mt19937_64 random(1);
  std::set<int> running;
  uint64_t word = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (random() % 2 == 0) {
      const bool admitted = TakeFrom(limit, test::kFirstArrival + i, 1, &word).admitted;
      ASSERT_EQ(admitted, running.size() < 10);
      if (admitted) running.insert(i);
    } else if (!running.empty()) {
      running.erase(running.begin());
      GiveBack(limit, test::kFirstArrival, 1, &word);
    }
    ASSERT_EQ(IsFull(limit, test::kFirstArrival, word), running.empty());
    ASSERT_DOUBLE_EQ(UsedShare(limit, test::kFirstArrival, word), static_cast<double>(running.size()) / 10);
  }
}

TEST(LimitAlgorithm, ARefusalChangesNothingAndNamesTheVeryNanosecond) {
  for (const LimitAlgorithm algorithm : kTimed) {
    const BucketLimit limit = Limit(algorithm, 37, 9, microseconds(10'001));
    uint64_t word = 0;
    int refused = 0;
    for (const TimedCost& arrival : RandomArrivals(5, 20'000, limit.window_ns / 80, 9)) {
      if (arrival.cost % 4 == 0) ChargeTo(limit, arrival.at, 1, &word);  // Some debt, too.
      const uint64_t before = word;
      const BucketAnswer answer = TakeFrom(limit, arrival.at, arrival.cost, &word);
      if (answer.admitted) continue;
      ++refused;
      ASSERT_EQ(word, before);
      ASSERT_GT(answer.wait_ns, 0);
      ASSERT_TRUE(TakeFrom(limit, arrival.at + answer.wait_ns, arrival.cost, &word).admitted);
      word = before;
      ASSERT_FALSE(TakeFrom(limit, arrival.at + answer.wait_ns - 1, arrival.cost, &word).admitted);
      ASSERT_EQ(word, before);
    }
    ASSERT_GT(refused, 1'000);
  }
}

TEST(LimitAlgorithm, WhatTheBucketCannotHoldIsNeverAdmitted) {
  for (const LimitAlgorithm algorithm : kAll) {
    BucketLimit limit = Limit(algorithm, 5, 5);
    limit.max_wait_ns = 3 * kNanoseconds;  // Nor delayed.
    for (const uint64_t cost : {uint64_t{6}, uint64_t{1} << 40, UINT64_MAX}) {
      uint64_t word = 0;
      const BucketAnswer answer = TakeFrom(limit, test::kFirstArrival, cost, &word);
      EXPECT_FALSE(answer.admitted);
      EXPECT_EQ(answer.wait_ns, kNever);
      EXPECT_EQ(word, 0U);
    }
    uint64_t word = 0;
    EXPECT_TRUE(TakeFrom(limit, test::kFirstArrival, 5, &word).admitted);
  }
}

TEST(LimitAlgorithm, ACostOfZeroChargesNothingAndIsRefusedOnlyInDebt) {
  for (const LimitAlgorithm algorithm : kTimed) {
    const BucketLimit limit = Limit(algorithm, 5, 5);
    uint64_t word = 0;
    ASSERT_TRUE(TakeFrom(limit, test::kFirstArrival, 5, &word).admitted);
    const uint64_t before = word;
    EXPECT_TRUE(TakeFrom(limit, test::kFirstArrival, 0, &word).admitted);
    EXPECT_EQ(word, before);
    ChargeTo(limit, test::kFirstArrival, 1, &word);
    EXPECT_FALSE(TakeFrom(limit, test::kFirstArrival, 0, &word).admitted);
  }
}

TEST(LimitAlgorithm, GivingBackUndoesATake) {
  for (const LimitAlgorithm algorithm : kAll) {
    const BucketLimit limit = Limit(algorithm, 40, 12, microseconds(10'001));
    uint64_t word = 0;
    uint64_t twin = 0;  // Never meets what is given back.
    int given_back = 0;
    for (const TimedCost& arrival : RandomArrivals(9, 20'000, 125'000, 5)) {
      if (arrival.cost % 2 == 1 && TakeFrom(limit, arrival.at, arrival.cost, &word).admitted) {
        GiveBack(limit, arrival.at, arrival.cost, &word);
        ++given_back;
      }
      ASSERT_DOUBLE_EQ(UsedShare(limit, arrival.at, word), UsedShare(limit, arrival.at, twin));
      ASSERT_EQ(IsFull(limit, arrival.at, word), IsFull(limit, arrival.at, twin));
      const BucketAnswer answer = TakeFrom(limit, arrival.at, 1, &word);
      const BucketAnswer expected = TakeFrom(limit, arrival.at, 1, &twin);
      ASSERT_EQ(answer.admitted, expected.admitted);
      ASSERT_EQ(answer.wait_ns, expected.wait_ns);
    }
    ASSERT_GT(given_back, algorithm == LimitAlgorithm::kConcurrency ? 10 : 1'000);
  }
}

TEST(LimitAlgorithm, GivingBackNeverMakesABucketFullerThanFull) {
  for (const LimitAlgorithm algorithm : kAll) {
    const BucketLimit limit = Limit(algorithm, 10, 10);
    uint64_t word = 0;
    ASSERT_TRUE(TakeFrom(limit, test::kFirstArrival, 3, &word).admitted);
    GiveBack(limit, test::kFirstArrival, 9, &word);
    GiveBack(limit, test::kFirstArrival, 9, &word);
    EXPECT_TRUE(IsFull(limit, test::kFirstArrival, word));
    EXPECT_TRUE(TakeFrom(limit, test::kFirstArrival, 10, &word).admitted);
    EXPECT_FALSE(TakeFrom(limit, test::kFirstArrival, 1, &word).admitted);
  }
  const BucketLimit limit = Limit(LimitAlgorithm::kTokenBucket, 10, 10);
  uint64_t word = 0;
  ASSERT_TRUE(TakeFrom(limit, test::kFirstArrival, 3, &word).admitted);
  GiveBack(limit, test::kFirstArrival, 9, &word);
  EXPECT_EQ(TakeFrom(limit, test::kFirstArrival - 7, 10, &word).wait_ns, 7) << "not for a clock that is behind, either";
}

// What was taken in a window that is over must not come out of the next one's count.
TEST(LimitAlgorithm, WindowsKnowWhenWhatIsGivenBackWasTaken) {
  const int64_t edge = 1'000 * kNanoseconds;
  for (const LimitAlgorithm algorithm : {LimitAlgorithm::kFixedWindow, LimitAlgorithm::kSlidingWindow}) {
    const BucketLimit limit = Limit(algorithm, 10);
    uint64_t word = 0;
    ASSERT_TRUE(TakeFrom(limit, edge - 1, 4, &word).admitted);
    ASSERT_TRUE(TakeFrom(limit, edge, 6, &word).admitted);
    GiveBack(limit, edge - 1, 4, &word);
    EXPECT_DOUBLE_EQ(UsedShare(limit, edge, word), 0.6);
    GiveBack(limit, edge - 5 * kNanoseconds, 4, &word);
    EXPECT_DOUBLE_EQ(UsedShare(limit, edge, word), 0.6);
  }
}

TEST(LimitAlgorithm, DelaysInOrderUpToTheLongestWaitAndKeepsTheBoundOfThoseThatGo) {
  BucketLimit limit = Limit(LimitAlgorithm::kTokenBucket, 1'000, 10);
  limit.max_wait_ns = kNanoseconds / 2;
  uint64_t word = 0;
  std::deque<int64_t> goes;
  for (const TimedCost& arrival : RandomArrivals(2, 20'000, limit.interval_ns / 3, 1)) {
    const BucketAnswer answer = TakeFrom(limit, arrival.at, 1, &word);
    if (!answer.admitted) {
      uint64_t later = word;
      ASSERT_EQ(TakeFrom(limit, arrival.at + answer.wait_ns, 1, &later).wait_ns, limit.max_wait_ns);
      continue;
    }
    ASSERT_LE(answer.wait_ns, limit.max_wait_ns);
    const int64_t go = arrival.at + answer.wait_ns;
    ASSERT_TRUE(goes.empty() || goes.back() <= go);
    goes.push_back(go);
    // Ten at once, and one more each interval.
    ASSERT_TRUE(goes.size() <= 10 || go - goes[goes.size() - 11] >= limit.interval_ns);
  }
  ASSERT_GT(goes.size(), 6'000U);
}

TEST(LimitAlgorithm, DebtEndsOneSecondBeyondTheTolerance) {
  const BucketLimit limit = Limit(LimitAlgorithm::kTokenBucket, 1'000, 10);
  for (const uint64_t cost : {uint64_t{100'000}, UINT64_MAX}) {
    uint64_t word = 0;
    for (int i = 0; i < 3; ++i) ChargeTo(limit, test::kFirstArrival, cost, &word);
    EXPECT_EQ(TakeFrom(limit, test::kFirstArrival, 0, &word).wait_ns, kNanoseconds);
    EXPECT_EQ(TakeFrom(limit, test::kFirstArrival, 10, &word).wait_ns, kNanoseconds + limit.tolerance_ns);
    EXPECT_GT(UsedShare(limit, test::kFirstArrival, word), 1.0);
  }
  uint64_t word = 0;
  ChargeTo(limit, test::kFirstArrival, 3, &word);
  EXPECT_DOUBLE_EQ(UsedShare(limit, test::kFirstArrival, word), 0.3);
  ChargeTo(limit, test::kFirstArrival - 5, 0, &word);
  EXPECT_DOUBLE_EQ(UsedShare(limit, test::kFirstArrival, word), 0.3);
}

TEST(LimitAlgorithm, WindowsHoldDebtOfAnySizeAndForgetItInTime) {
  for (const LimitAlgorithm algorithm : {LimitAlgorithm::kFixedWindow, LimitAlgorithm::kSlidingWindow}) {
    const BucketLimit limit = Limit(algorithm, 10);
    uint64_t word = 0;
    for (int i = 0; i < 3; ++i) ChargeTo(limit, test::kFirstArrival, UINT64_MAX, &word);
    EXPECT_FALSE(TakeFrom(limit, test::kFirstArrival, 0, &word).admitted);
    EXPECT_FALSE(IsFull(limit, test::kFirstArrival, word));
    EXPECT_TRUE(IsFull(limit, test::kFirstArrival + 2 * kNanoseconds, word));
    EXPECT_TRUE(TakeFrom(limit, test::kFirstArrival + 2 * kNanoseconds, 10, &word).admitted);
  }
}

// The most that is admitted within one window's length, of a flood that begins at an offset into a window.
uint64_t MostWithinAWindowOfAFlood(const BucketLimit& limit, int64_t start, int64_t length) {
  constexpr int64_t kStep = kNanoseconds / 1'000;
  std::deque<int64_t> recent;
  uint64_t word = 0;
  size_t most = 0;
  for (int64_t now = start; now < start + 4 * kNanoseconds; now += kStep) {
    while (TakeFrom(limit, now, 1, &word).admitted) recent.push_back(now);
    while (!recent.empty() && recent.front() <= now - length) recent.pop_front();
    most = std::max(most, recent.size());
  }
  return most;
}

TEST(LimitAlgorithm, MeasuresTheWorstCasesThatTheHeaderNames) {
  constexpr uint64_t kAmount = 1'000;
  const int64_t window_end = 1'000 * kNanoseconds - 1;
  const auto most = [&](LimitAlgorithm algorithm, int64_t length) {
    return MostWithinAWindowOfAFlood(Limit(algorithm, kAmount), window_end, length);
  };
  EXPECT_EQ(most(LimitAlgorithm::kFixedWindow, kNanoseconds), 2 * kAmount);
  EXPECT_EQ(most(LimitAlgorithm::kFixedWindow, 2'000'000), 2 * kAmount);
  EXPECT_LE(most(LimitAlgorithm::kSlidingWindow, kNanoseconds), 2 * kAmount);
  EXPECT_GE(most(LimitAlgorithm::kSlidingWindow, kNanoseconds), 2 * kAmount - 2);
  EXPECT_LE(most(LimitAlgorithm::kSlidingWindow, kNanoseconds / 10), kAmount * 11 / 10);
  EXPECT_EQ(most(LimitAlgorithm::kTokenBucket, kNanoseconds), kAmount * 11 / 10 - 1);  // A half-open second.
  EXPECT_LE(most(LimitAlgorithm::kTokenBucket, kNanoseconds / 10), kAmount * 2 / 10);
}

TEST(LimitAlgorithm, AWindowThatOneClockHasOpenedStaysOpenForOneThatIsBehind) {
  const int64_t edge = 65'536 * kNanoseconds;  // Where the short number of a sliding window begins anew.
  for (const LimitAlgorithm algorithm : {LimitAlgorithm::kFixedWindow, LimitAlgorithm::kSlidingWindow}) {
    const BucketLimit limit = Limit(algorithm, 10);
    uint64_t word = 0;
    ASSERT_TRUE(TakeFrom(limit, edge, 10, &word).admitted);
    const BucketAnswer answer = TakeFrom(limit, edge - 5, 1, &word);
    EXPECT_FALSE(answer.admitted);
    EXPECT_TRUE(TakeFrom(limit, edge - 5 + answer.wait_ns, 1, &word).admitted);
  }
}

TEST(LimitAlgorithm, ASlidingWindowThatRestedForItsWholeNumberSpaceAdmitsLessAndNeverMore) {
  const BucketLimit limit = Limit(LimitAlgorithm::kSlidingWindow, 10);
  for (int64_t windows = 65'530; windows < 65'545; ++windows) {
    uint64_t word = 0;
    ASSERT_TRUE(TakeFrom(limit, test::kFirstArrival, 10, &word).admitted);
    const int64_t now = test::kFirstArrival + windows * kNanoseconds;
    int admitted = 0;
    while (TakeFrom(limit, now, 1, &word).admitted) ++admitted;
    EXPECT_LE(admitted, 10);
    EXPECT_TRUE(TakeFrom(limit, now + 4 * kNanoseconds, 10, &word).admitted);
  }
}

TEST(LimitAlgorithm, ABucketThatIsFullSaysTheSameAsOneThatWasNeverUsed) {
  for (const LimitAlgorithm algorithm : kTimed) {
    const BucketLimit limit = Limit(algorithm, 20, 5, microseconds(10'000));
    uint64_t word = 0;
    int full = 0;
    for (const TimedCost& arrival : RandomArrivals(4, 20'000, limit.window_ns / 15, 3)) {
      if (IsFull(limit, arrival.at, word)) {
        ++full;
        uint64_t used = word;
        uint64_t unused = 0;
        EXPECT_EQ(UsedShare(limit, arrival.at, word), 0.0);
        for (int i = 0; i < 30; ++i) {
          const int64_t at = arrival.at + i * 333'333;
          ASSERT_EQ(TakeFrom(limit, at, 1, &used).wait_ns, TakeFrom(limit, at, 1, &unused).wait_ns);
        }
        ASSERT_EQ(used, unused);
      }
      TakeFrom(limit, arrival.at, arrival.cost, &word);
    }
    EXPECT_GT(full, 100);
  }
}

TEST(LimitAlgorithm, IsNearTheLimitFromFourFifthsOn) {
  for (const LimitAlgorithm algorithm : kAll) {
    const BucketLimit limit = Limit(algorithm, 10, 10);
    uint64_t word = 0;
    for (int i = 1; i <= 12; ++i) EXPECT_EQ(TakeFrom(limit, test::kFirstArrival, 1, &word).near_limit, i >= 8) << i;
  }
}

TEST(LimitAlgorithm, MakesLimitsFromRates) {
  const auto token = [](uint64_t amount, microseconds window, uint64_t burst) {
    return MakeBucketLimit(LimitAlgorithm::kTokenBucket, {amount, window}, burst, 0);
  };
  EXPECT_EQ(token(50'000, microseconds(1'000'000), 0).interval_ns, 20'000);
  EXPECT_EQ(token(50'000, microseconds(1'000'000), 0).tolerance_ns, 5'000 * int64_t{20'000});
  EXPECT_EQ(token(3, microseconds(1'000'000), 0).interval_ns, 333'333'334);  // Rounded up: never more than the rate.
  EXPECT_EQ(token(3, microseconds(1'000'000), 0).tolerance_ns, 333'333'334);
  EXPECT_EQ(token(60'000, microseconds(60'000'000), 0).tolerance_ns, 100 * int64_t{1'000'000});
  EXPECT_EQ(token(300, microseconds(60'000'000), 20).tolerance_ns, 20 * int64_t{200'000'000});
  EXPECT_EQ(token(UINT64_MAX, microseconds(1'000'000), 0).interval_ns, 1);
  EXPECT_GT(token(1, microseconds(1'000'000), UINT64_MAX).tolerance_ns, int64_t{1} << 60);
  EXPECT_EQ(Limit(LimitAlgorithm::kFixedWindow, 300, 0, microseconds(60'000'000)).window_ns, 60 * kNanoseconds);
  EXPECT_EQ(Limit(LimitAlgorithm::kSlidingWindow, UINT64_MAX).amount, kMostInWindow);
  for (const LimitAlgorithm algorithm : kAll) {
    uint64_t word = 0;
    EXPECT_EQ(TakeFrom(Limit(algorithm, 0), test::kFirstArrival, 1, &word).wait_ns, kNever);
    EXPECT_EQ(UsedShare(Limit(algorithm, 0), test::kFirstArrival, word), 1.0);
  }
}

}  // namespace
}  // namespace ringproxy::proxy
