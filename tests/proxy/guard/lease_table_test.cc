#include "proxy/guard/lease_table.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

LimitTerms Terms(uint64_t amount, uint64_t burst) {
  LimitTerms terms;
  terms.bucket = MakeBucketLimit(conf::LimitAlgorithm::kTokenBucket, {.amount = amount}, burst, 0);
  terms.lease = {.terms = {.rate = {.amount = amount}, .burst = burst}, .lease = {}};
  return terms;
}

class LeaseTableTest : public testing::Test {
 protected:
  LeaseTableTest() {
    LimitRule rule{};
    rule.terms = terms_;
    table_.Adopt(rule);
  }
  LeaseTable::KeptLease& Get(uint64_t bucket) {
    return table_.Get(bucket, terms_, now_, [bucket] { return "bucket" + std::to_string(bucket); });
  }
  // It owes a token from now on, so it must not be forgotten.
  void Use(uint64_t bucket) {
    LeaseTable::KeptLease& entry = Get(bucket);
    entry.lease.Take(entry.terms.lease, now_, 1, 1);
  }

  static constexpr size_t kMost = 100;
  LimitTerms terms_ = Terms(10, 10);
  LeaseTable table_{kMost};
  net::TimePoint now_{1h};
};

TEST_F(LeaseTableTest, KeepsALeaseForEachBucket) {
  for (uint64_t bucket = 1; bucket <= kMost; ++bucket) Use(bucket);
  EXPECT_EQ(table_.size(), kMost);
  for (uint64_t bucket = 1; bucket <= kMost; ++bucket) {
    EXPECT_EQ(Get(bucket).name, "bucket" + std::to_string(bucket));
    EXPECT_EQ(Get(bucket).lease.debt(), 1U);
    EXPECT_EQ(table_.Find(bucket), &Get(bucket));
  }
  EXPECT_EQ(table_.Find(kMost + 1), nullptr);
}

TEST_F(LeaseTableTest, ForgetsIdleLeasesBeforeItGrows) {
  for (uint64_t bucket = 1; bucket <= 1'000; ++bucket) Get(bucket);
  EXPECT_EQ(table_.size(), 1U);
  EXPECT_EQ(table_.Find(1), nullptr);
  EXPECT_NE(table_.Find(1'000), nullptr);
  Use(1'001);
  Use(1'002);
  EXPECT_EQ(table_.size(), 2U);
}

TEST_F(LeaseTableTest, OthersShareALeaseWhenAllAreInUse) {
  for (uint64_t bucket = 1; bucket <= kMost; ++bucket) Use(bucket);
  for (uint64_t bucket = kMost + 1; bucket <= 10 * kMost; ++bucket) {
    LeaseTable::KeptLease& entry = Get(bucket);
    EXPECT_EQ(entry.name, "(others)");
    EXPECT_EQ(entry.bucket, 0U);
    EXPECT_EQ(table_.Find(bucket), nullptr);
    EXPECT_EQ(table_.Find(entry.bucket), &entry);
  }
  EXPECT_EQ(table_.size(), kMost + 1);
  size_t seen = 0;
  table_.ForEach([&](const LeaseTable::KeptLease&) { ++seen; });
  EXPECT_EQ(seen, kMost + 1);
}

// Whoever comes while it is idle must not take its place: the next that finds none would make it anew.
TEST_F(LeaseTableTest, TheSharedLeaseStaysWhereItIsHoweverOftenItIsIdle) {
  for (uint64_t bucket = 1; bucket <= kMost; ++bucket) Use(bucket);
  for (uint64_t bucket = kMost + 1; bucket <= 10 * kMost; ++bucket) Use(bucket);
  EXPECT_EQ(table_.size(), kMost + 1);
}

TEST_F(LeaseTableTest, OthersGetWhatTheLimitAllowsAndNoOverride) {
  const LimitTerms override = Terms(1'000'000, 1'000'000);
  for (uint64_t bucket = 1; bucket <= kMost; ++bucket) Use(bucket);
  const LeaseTable::KeptLease& entry = table_.Get(kMost + 1, override, now_, [] { return std::string("rich"); });
  EXPECT_EQ(entry.name, "(others)");
  EXPECT_EQ(entry.terms.lease.terms.rate, terms_.lease.terms.rate);
}

TEST_F(LeaseTableTest, GoesByWhatTheLimitAllowsNowAndKeepsWhatIsLeased) {
  Use(1);
  Use(2);
  LimitRule rule{};
  rule.terms = Terms(20, 20);
  rule.overrides.emplace(2, Terms(30, 30));
  table_.Adopt(rule);
  EXPECT_EQ(Get(1).terms.lease.terms.burst, 20U);
  EXPECT_EQ(Get(2).terms.lease.terms.burst, 30U);
  EXPECT_EQ(Get(1).lease.debt(), 1U);
  EXPECT_EQ(Get(2).lease.debt(), 1U);
}

}  // namespace
}  // namespace ringproxy::proxy
