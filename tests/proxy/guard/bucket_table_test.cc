#include "proxy/guard/bucket_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <functional>
#include <latch>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/counting_allocator.h"

namespace ringproxy::proxy {
namespace {

using conf::LimitAlgorithm;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 5'000 * kSecond;

BucketLimit Limit(uint64_t amount, uint64_t burst = 0, LimitAlgorithm algorithm = LimitAlgorithm::kTokenBucket) {
  return MakeBucketLimit(algorithm, {.amount = amount}, burst, static_cast<uint32_t>(amount));
}

// More than the machine may have cores, so that the scheduler interrupts them anywhere.
constexpr int kThreads = 4;

// Each gets its number.
void RunThreads(const std::function<void(int)>& run) {
  std::latch start(kThreads);
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&start, &run, i] {
      start.arrive_and_wait();
      run(i);
    });
  }
}

TEST(BucketTable, KeepsABucketForEachKey) {
  BucketTable table(1'000);
  const BucketLimit limit = Limit(10, 3);
  for (uint64_t key = 1; key <= 500; ++key) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(table.Take(key, limit, kStart, 1).admitted);
    const BucketAnswer refused = table.Take(key, limit, kStart, 1);
    EXPECT_FALSE(refused.admitted);
    EXPECT_EQ(refused.wait_ns, kSecond / 10);
    EXPECT_DOUBLE_EQ(table.Used(key, limit, kStart), 1.0);
  }
  EXPECT_EQ(table.size(), 500U);
  EXPECT_FALSE(table.Take(0, limit, kStart, 1).admitted) << "0 is no key of its own";
  EXPECT_EQ(table.size(), 500U);
  EXPECT_EQ(table.overflows(), 0U);
  EXPECT_GE(table.capacity(), 1'000U);
}

TEST(BucketTable, OfOneBucketDoesNotAskForTheKey) {
  BucketTable table(1);
  const BucketLimit limit = Limit(10, 3);
  EXPECT_EQ(table.size(), 0U);
  for (uint64_t key = 0; key < 3; ++key) EXPECT_TRUE(table.Take(key, limit, kStart, 1).admitted);
  EXPECT_FALSE(table.Peek(7, limit, kStart, 1).admitted);
  EXPECT_FALSE(table.Take(8, limit, kStart, 1).admitted);
  table.Return(9, limit, kStart, 1, false);
  EXPECT_TRUE(table.Take(10, limit, kStart, 1).admitted);
  EXPECT_DOUBLE_EQ(table.Used(11, limit, kStart), 1.0);
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.capacity(), 1U);
}

TEST(BucketTable, PeekSaysWhatTakeWouldSayAndChangesNothing) {
  for (const size_t buckets : {size_t{1}, size_t{4}}) {
    BucketTable table(buckets);
    const BucketLimit limit = Limit(1'000, 5);
    std::mt19937_64 random(1);
    int64_t now = kStart;
    for (int i = 0; i < 20'000; ++i) {
      const uint64_t key = random() % 30;
      const uint64_t cost = random() % 6;
      now += static_cast<int64_t>(random() % 300'000);
      const size_t size = table.size();
      const BucketAnswer peeked = table.Peek(key, limit, now, cost, kStart);
      ASSERT_EQ(table.size(), size);
      const BucketAnswer taken = table.Take(key, limit, now, cost, kStart);
      ASSERT_EQ(peeked.admitted, taken.admitted);
      ASSERT_EQ(peeked.wait_ns, taken.wait_ns);
      ASSERT_EQ(peeked.near_limit, taken.near_limit);
      ASSERT_EQ(peeked.overflowed && cost > 0, taken.overflowed && cost > 0);
    }
    EXPECT_EQ(table.overflows() > 0, buckets > 1);
  }
}

TEST(BucketTable, ABucketThatItDoesNotKnowBeginsAsIfItHadBeenEmptiedThen) {
  const BucketLimit limit = Limit(10, 5);
  for (const size_t buckets : {size_t{1}, size_t{4}}) {
    BucketTable table(buckets);
    const int64_t fresh = kStart - kSecond / 5;  // Two tokens ago.
    EXPECT_TRUE(table.Take(1, limit, kStart, 1, fresh).admitted);
    EXPECT_TRUE(table.Take(1, limit, kStart, 1, fresh).admitted);
    EXPECT_EQ(table.Take(1, limit, kStart, 1, fresh).wait_ns, kSecond / 10);
    // It is known now.
    EXPECT_TRUE(table.Take(1, limit, kStart + kSecond / 10, 1, kStart + kSecond).admitted);
  }
}

TEST(BucketTable, ForgetsOnlyBucketsThatAreFullAgain) {
  BucketTable table(4);
  const BucketLimit limit = Limit(10, 5);
  // One bucket a slot, of which the first three are full again after 100 ms.
  std::vector<uint64_t> keys;
  for (uint64_t key = 2; table.overflows() == 0; ++key) {
    keys.push_back(key);
    table.Take(key, limit, kStart, table.size() < 3 ? 1 : 5);
  }
  const size_t size = table.size();
  const int64_t later = kStart + kSecond / 10;
  for (uint64_t key = 100; key < 110; ++key) table.Take(key, limit, later, 5);
  EXPECT_EQ(table.size(), size);
  for (size_t i = 3; i < 7; ++i) {
    EXPECT_EQ(table.Take(keys[i], limit, later, 2).wait_ns, kSecond / 10) << "has one token, not five";
  }
}

// A worker whose clock is behind must not live through the same burst again.
TEST(BucketTable, WhatAClockAheadHasForgottenIsNotFullForAClockBehind) {
  for (const LimitAlgorithm algorithm :
       {LimitAlgorithm::kTokenBucket, LimitAlgorithm::kSlidingWindow, LimitAlgorithm::kFixedWindow}) {
    BucketTable table(4);
    const BucketLimit limit = Limit(5, 5, algorithm);
    for (uint64_t key = 2; key < 9; ++key) ASSERT_TRUE(table.Take(key, limit, kStart, 5).admitted);
    const int64_t ahead = kStart + 2 * kSecond;
    ASSERT_TRUE(table.Take(9, limit, ahead, 5).admitted);  // In place of the first.
    ASSERT_TRUE(table.Take(2, limit, kStart, 5).admitted);
    EXPECT_FALSE(table.Take(2, limit, ahead, 1).admitted) << "the last one counted as of the clock ahead";
    EXPECT_EQ(table.overflows(), 0U);
  }
}

TEST(BucketTable, DecidesAsAMapThatForgetsNothing) {
  for (const LimitAlgorithm algorithm :
       {LimitAlgorithm::kTokenBucket, LimitAlgorithm::kSlidingWindow, LimitAlgorithm::kFixedWindow}) {
    BucketTable table(64);
    const BucketLimit limit = Limit(100, 5, algorithm);
    std::map<uint64_t, uint64_t> words;
    std::mt19937_64 random(3);
    int64_t now = kStart;
    // The keys in use drift, so that old ones give way.
    for (uint64_t i = 0; i < 60'000; ++i) {
      now += static_cast<int64_t>(random() % 4'000'000);
      const uint64_t key = 2 + i / 2'000 * 5 + random() % 10;
      const uint64_t cost = random() % 4;
      const BucketAnswer answer = table.Take(key, limit, now, cost);
      const BucketAnswer expected = TakeFrom(limit, now, cost, &words[key]);
      ASSERT_EQ(answer.admitted, expected.admitted);
      ASSERT_EQ(answer.wait_ns, expected.wait_ns);
    }
    EXPECT_EQ(table.overflows(), 0U);
    EXPECT_LT(table.size(), words.size());
  }
}

TEST(BucketTable, AMillionInventedKeysTakeNoMemoryAndNothingFromTheKnownOnes) {
  BucketTable table(1'024);
  const BucketLimit limit = Limit(100, 5);
  const BucketTable twin(1'024);
  std::mt19937_64 random(11);
  const test::AllocationCounter allocations;
  uint64_t admitted = 0;
  int64_t now = kStart;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(table.Take(42, limit, now += kSecond / 100, 1).admitted);
  for (int i = 0; i < 1'000'000; ++i) {
    now += 200;
    admitted += table.Take(random(), limit, now, 1).admitted ? 1 : 0;
    const bool known = i % 50'000 == 49'999;
    ASSERT_TRUE(!known || table.Take(42, limit, now, 1).admitted);
  }
  EXPECT_EQ(allocations.count(), 0U);
  EXPECT_EQ(table.capacity(), twin.capacity());
  EXPECT_LE(table.size(), table.capacity());
  EXPECT_GT(table.overflows(), 500'000U);
  // In 200 ms each slot has place for a bucket of one token twenty times, and the shared buckets give 25 each.
  EXPECT_LE(admitted, table.capacity() * 21 + table.capacity() / 7 * 26);
}

// Clocks that are up to `skew` behind admit what a bucket with so much more tolerance would, asked by the true time.
void ExpectNoMoreThanOneBucketAdmits(const BucketLimit& limit, int64_t skew) {
  BucketTable table(4);
  BucketLimit bound = limit;
  bound.tolerance_ns += skew;
  std::map<uint64_t, uint64_t> words;
  std::mt19937_64 random(5);
  int64_t now = kStart;
  for (int i = 0; i < 100'000; ++i) {
    now += static_cast<int64_t>(random() % 1'000'000);
    const int64_t clock = now - static_cast<int64_t>(random() % static_cast<uint64_t>(skew + 1));
    const uint64_t key = 2 + random() % 40;
    if (!table.Take(key, limit, clock, 1).admitted) continue;
    ASSERT_TRUE(TakeFrom(bound, now, 1, &words[key]).admitted);
  }
  EXPECT_GT(table.overflows(), 1'000U);
}

TEST(BucketTable, AKeyIsAdmittedNoMoreThanOneBucketAdmitsWhicheverBucketsItMeets) {
  ExpectNoMoreThanOneBucketAdmits(Limit(100, 5), 0);
  ExpectNoMoreThanOneBucketAdmits(Limit(100, 5), 30'000'000);
  ExpectNoMoreThanOneBucketAdmits(Limit(5, 0, LimitAlgorithm::kFixedWindow), 0);
  ExpectNoMoreThanOneBucketAdmits(Limit(5, 0, LimitAlgorithm::kSlidingWindow), 0);
}

TEST(BucketTable, ABucketOfItsOwnBeginsWithWhatTheSharedOneWasCharged) {
  BucketTable table(4);
  const BucketLimit limit = Limit(100, 5);
  ASSERT_TRUE(table.Take(2, limit, kStart, 1).admitted);
  for (uint64_t key = 3; key < 9; ++key) ASSERT_TRUE(table.Take(key, limit, kStart, 5).admitted);
  EXPECT_TRUE(table.Take(9, limit, kStart, 5).overflowed);
  const int64_t later = kStart + kSecond / 100;  // One bucket is full again, and one token is back.
  EXPECT_FALSE(table.Take(9, limit, later, 2).admitted);
  const BucketAnswer answer = table.Take(9, limit, later, 1);
  EXPECT_TRUE(answer.admitted);
  EXPECT_FALSE(answer.overflowed);
}

TEST(BucketTable, ConcurrencyComesBackToWhereItWasTaken) {
  BucketTable table(4);
  const BucketLimit limit = Limit(2, 0, LimitAlgorithm::kConcurrency);
  struct Running {
    uint64_t key;
    bool overflowed;
  };
  std::vector<Running> running;
  std::map<uint64_t, int> at_once;
  std::mt19937_64 random(8);
  for (int i = 0; i < 100'000; ++i) {
    // Busy and quiet times by turns.
    if (random() % 100 < (i / 1'000 % 2 == 0 ? 60 : 40)) {
      const uint64_t key = random();
      const uint64_t few = 2 + key % 20;
      const BucketAnswer answer = table.Take(few, limit, kStart, 1);
      if (!answer.admitted) continue;
      running.push_back({few, answer.overflowed});
      ASSERT_LE(++at_once[few], 2);
    } else if (!running.empty()) {
      std::swap(running[random() % running.size()], running.back());
      table.Return(running.back().key, limit, kStart, 1, running.back().overflowed);
      --at_once[running.back().key];
      running.pop_back();
    }
  }
  EXPECT_GT(table.overflows(), 100U);
  for (const Running& one : running) table.Return(one.key, limit, kStart, 1, one.overflowed);
  for (uint64_t key = 2; key < 9; ++key) {
    EXPECT_DOUBLE_EQ(table.Used(key, limit, kStart), 0.0);
    EXPECT_TRUE(table.Take(key, limit, kStart, 2).admitted) << "nothing has leaked";
  }
}

TEST(BucketTable, ReturnsAndChargesFindTheBucket) {
  BucketTable table(100);
  const BucketLimit limit = Limit(10, 5);
  table.Return(3, limit, kStart, 1, false);  // Was never taken from: stays full.
  EXPECT_EQ(table.size(), 0U);
  ASSERT_TRUE(table.Take(3, limit, kStart, 5).admitted);
  table.Return(3, limit, kStart, 2, false);
  EXPECT_DOUBLE_EQ(table.Used(3, limit, kStart), 0.6);
  table.Charge(3, limit, kStart, 7);
  EXPECT_DOUBLE_EQ(table.Used(3, limit, kStart), 2.0);
  table.Charge(4, limit, kStart, 5);
  EXPECT_DOUBLE_EQ(table.Used(4, limit, kStart), 1.0);
  EXPECT_EQ(table.Take(4, limit, kStart, 1).wait_ns, kSecond / 10);
}

// All workers take from few keys of a table that is too small for them, with clocks of their own, and now and then give
// back. The time that passes is little, so that nearly all is bursts: a bucket made twice would show.
void ExpectTheBoundOverThreads(size_t buckets, uint64_t keys, LimitAlgorithm algorithm, int rounds) {
  constexpr int64_t kSkew = 1'000'000;
  BucketTable table(buckets);
  const BucketLimit limit = Limit(20'000, 50, algorithm);
  std::atomic<int64_t> clock{kStart};
  std::vector<std::atomic<uint64_t>> admitted(keys);
  RunThreads([&](int thread) {
    std::mt19937_64 random(static_cast<uint64_t>(thread));
    for (int i = 0; i < rounds; ++i) {
      const int64_t latest = clock.fetch_add(2'000, std::memory_order_relaxed);
      const int64_t now = latest - static_cast<int64_t>(random() % kSkew);
      const uint64_t key = random() % keys;
      const uint64_t cost = 1 + random() % 3;
      if (table.Take(key + 2, limit, now, cost).admitted) admitted[key] += cost;
    }
  });
  const int64_t time = clock - kStart + kSkew;
  // A window is at most one more than those that have passed.
  const int64_t bound = algorithm == LimitAlgorithm::kTokenBucket
                            ? (limit.tolerance_ns + time) / limit.interval_ns
                            : static_cast<int64_t>(limit.amount) * (time / limit.window_ns + 2);
  uint64_t sum = 0;
  for (const std::atomic<uint64_t>& of_key : admitted) {
    EXPECT_LE(of_key, static_cast<uint64_t>(bound));
    sum += of_key;
  }
  EXPECT_GT(sum, keys * 10);
}

TEST(BucketTable, ThreadsTogetherAdmitWhatOneBucketAdmits) {
  ExpectTheBoundOverThreads(1, 1, LimitAlgorithm::kTokenBucket, 60'000);
  ExpectTheBoundOverThreads(100, 3, LimitAlgorithm::kTokenBucket, 60'000);
  ExpectTheBoundOverThreads(100, 3, LimitAlgorithm::kFixedWindow, 60'000);
}

TEST(BucketTable, ThreadsAdmitNoMoreWhileBucketsAreForgottenAndMadeAnew) {
  ExpectTheBoundOverThreads(2, 9, LimitAlgorithm::kTokenBucket, 60'000);
  ExpectTheBoundOverThreads(2, 60, LimitAlgorithm::kTokenBucket, 60'000);
  ExpectTheBoundOverThreads(2, 60, LimitAlgorithm::kFixedWindow, 60'000);
}

// No token comes back within the test, and all threads come to each new key at once: a bucket made twice would show.
TEST(BucketTable, ThreadsThatMissTheSameKeyAtOnceMakeOneBucket) {
  constexpr uint64_t kKeys = 1'000;
  BucketTable table(8'192);
  const BucketLimit limit = Limit(1, 2);
  std::atomic<uint64_t> admitted = 0;
  std::barrier together(kThreads);
  RunThreads([&](int thread) {
    uint64_t mine = 0;
    for (uint64_t key = 2; key < kKeys + 2; ++key) {
      together.arrive_and_wait();
      for (int i = 0; i < 2; ++i) mine += table.Take(key, limit, kStart - thread, 1).admitted ? 1 : 0;
    }
    admitted += mine;
  });
  ASSERT_EQ(table.overflows(), 0U);
  EXPECT_EQ(table.size(), kKeys);
  EXPECT_EQ(admitted, 2 * kKeys);
}

// What one gives back, another may take: but never more than there is.
TEST(BucketTable, ThreadsThatGiveBackLeaveExactlyWhatWasKept) {
  constexpr uint64_t kBurst = 1'000;
  BucketTable table(100);
  const BucketLimit limit = Limit(1, kBurst);
  std::atomic<uint64_t> kept = 0;
  RunThreads([&](int thread) {
    for (int i = 0; i < 4'000; ++i) {
      if (!table.Take(5, limit, kStart, 1).admitted) continue;
      if ((i + thread) % 8 == 0) {
        ++kept;
      } else {
        table.Return(5, limit, kStart, 1, false);
      }
    }
  });
  EXPECT_LE(kept, kBurst);
  EXPECT_DOUBLE_EQ(table.Used(5, limit, kStart), static_cast<double>(kept) / kBurst);
}

TEST(BucketTable, ThreadsNeverRunMoreAtOnceThanConcurrencyAllows) {
  constexpr uint64_t kKeys = 12;
  for (const size_t buckets : {size_t{1}, size_t{2}}) {
    BucketTable table(buckets);
    const BucketLimit limit = Limit(2, 0, LimitAlgorithm::kConcurrency);
    std::vector<std::atomic<int>> running(kKeys);
    std::atomic<int> most = 0;
    RunThreads([&](int thread) {
      std::mt19937_64 random(static_cast<uint64_t>(thread));
      struct Taken {
        uint64_t key;
        bool overflowed;
      };
      std::vector<Taken> taken;
      for (int i = 0; i < 20'000; ++i) {
        const uint64_t key = random() % kKeys;
        const BucketAnswer answer = table.Take(key + 2, limit, kStart, 1);
        if (answer.admitted) {
          taken.push_back({key, answer.overflowed});
          if (const int now = ++running[key]; now > most) most = now;
        }
        while (taken.size() > random() % 4) {
          --running[taken.back().key];
          table.Return(taken.back().key + 2, limit, kStart, 1, taken.back().overflowed);
          taken.pop_back();
        }
      }
      for (const Taken& one : taken) {
        --running[one.key];
        table.Return(one.key + 2, limit, kStart, 1, one.overflowed);
      }
    });
    EXPECT_EQ(most, 2);
    for (uint64_t key = 0; key < kKeys; ++key) EXPECT_DOUBLE_EQ(table.Used(key + 2, limit, kStart), 0.0);
  }
}

}  // namespace
}  // namespace ringproxy::proxy
