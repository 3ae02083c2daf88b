#include "backends/gcra.h"

#include <gtest/gtest.h>

#include <random>

namespace ringproxy::backends {
namespace {

// A token each 10 ns, a burst of three.
constexpr Gcra kBucket(10, 30);

TEST(Gcra, AdmitsTheBurstAndThenTheRate) {
  int64_t tat = 0;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(kBucket.Take(1000, 1, &tat).admitted);
  const Gcra::Answer refused = kBucket.Take(1000, 1, &tat);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.wait_ns, 10);
  EXPECT_FALSE(kBucket.Take(1009, 1, &tat).admitted);
  EXPECT_TRUE(kBucket.Take(1010, 1, &tat).admitted);
}

TEST(Gcra, SaysTheWaitAfterWhichAndNotBeforeItWouldAdmit) {
  std::mt19937 random(1);
  int64_t tat = 0;
  int64_t now = 1;
  for (int i = 0; i < 10'000; ++i) {
    now += static_cast<int64_t>(random() % 25);
    const uint64_t cost = random() % 4;
    const int64_t before = tat;
    const Gcra::Answer answer = kBucket.Take(now, cost, &tat);
    if (answer.admitted) continue;
    EXPECT_EQ(tat, before) << "a refusal changes nothing";
    int64_t later = before;
    EXPECT_FALSE(kBucket.Take(now + answer.wait_ns - 1, cost, &later).admitted);
    EXPECT_TRUE(kBucket.Take(now + answer.wait_ns, cost, &later).admitted);
  }
}

TEST(Gcra, SaysNeverToWhatIsMoreThanTheBurst) {
  int64_t tat = 0;
  for (const uint64_t cost : {uint64_t{4}, UINT64_MAX / 10, UINT64_MAX}) {
    const Gcra::Answer answer = kBucket.Take(1000, cost, &tat);
    EXPECT_FALSE(answer.admitted);
    EXPECT_EQ(answer.wait_ns, Gcra::kNever);
  }
  EXPECT_EQ(tat, 0);
}

TEST(Gcra, ChargesAheadWhatMayWait) {
  constexpr Gcra patient(10, 10, 20);
  int64_t tat = 0;
  EXPECT_EQ(patient.Take(1000, 1, &tat).wait_ns, 0);
  EXPECT_EQ(patient.Take(1000, 1, &tat).wait_ns, 10);
  const Gcra::Answer last = patient.Take(1000, 1, &tat);
  EXPECT_TRUE(last.admitted);
  EXPECT_EQ(last.wait_ns, 20);
  const Gcra::Answer refused = patient.Take(1000, 1, &tat);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.wait_ns, 10);
}

TEST(Gcra, TakesNothingForACostOfZeroAndRefusesItInDebtOnly) {
  int64_t tat = 0;
  EXPECT_TRUE(kBucket.Take(1000, 3, &tat).admitted);
  EXPECT_TRUE(kBucket.Take(1000, 0, &tat).admitted);
  kBucket.Charge(1000, 1, 100, &tat);
  const int64_t in_debt = tat;
  EXPECT_FALSE(kBucket.Take(1000, 0, &tat).admitted);
  EXPECT_EQ(tat, in_debt);
}

TEST(Gcra, RemembersDebtUpToItsMost) {
  int64_t tat = 0;
  kBucket.Charge(1000, UINT64_MAX, 50, &tat);
  EXPECT_EQ(Gcra::Used(1000, tat), 30 + 50);
  kBucket.Charge(1000, 1, 50, &tat);
  EXPECT_EQ(Gcra::Used(1000, tat), 30 + 50);
}

TEST(Gcra, GivesBackNoMoreThanWhatMakesItFull) {
  int64_t tat = 0;
  kBucket.Take(1000, 2, &tat);
  kBucket.GiveBack(1000, 1, &tat);
  EXPECT_EQ(Gcra::Used(1000, tat), 10);
  kBucket.GiveBack(1000, 3, &tat);
  EXPECT_EQ(Gcra::Used(1000, tat), 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(kBucket.Take(1000, 1, &tat).admitted);
  EXPECT_FALSE(kBucket.Take(1000, 1, &tat).admitted);
}

}  // namespace
}  // namespace ringproxy::backends
