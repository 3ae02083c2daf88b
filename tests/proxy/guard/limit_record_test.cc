#include "proxy/guard/limit_record.h"

#include <gtest/gtest.h>

#include "tests/proxy/guard/limit_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

conf::Limit SlowLimit() {
  return TokenLimit("slow", 10, 5);
}

TEST(LimitRecord, HasOneBucketUnlessValuesOrConnectionsHaveTheirOwn) {
  conf::Limit limit = SlowLimit();
  limit.buckets = 1000;
  EXPECT_EQ(LimitRecord(limit, 1).table().capacity(), 1U);
  limit.per = {"key"};
  EXPECT_GE(LimitRecord(limit, 1).table().capacity(), 1000U);
  limit.per = {};
  limit.scope = conf::LimitScope::kConnection;
  EXPECT_GE(LimitRecord(limit, 1).table().capacity(), 1000U);
}

TEST(LimitRecord, AddsUpWhatItsWorkersCount) {
  LimitRecord record(SlowLimit(), 3);
  EXPECT_EQ(record.name(), "slow");
  for (const uint32_t worker : {0U, 1U, 2U}) record.state(worker).stats.refused.Add(worker + 1);
  record.state(1).stats.admitted.Add(10);
  EXPECT_EQ(record.Sum(&LimitStats::refused), 6U);
  EXPECT_EQ(record.Sum(&LimitStats::admitted), 10U);
}

TEST(LimitRecord, FitsALimitThatCountsInTheSameWayAtAnotherRate) {
  const LimitRecord record(SlowLimit(), 1);
  conf::Limit limit = SlowLimit();
  EXPECT_TRUE(record.Fits(limit));
  limit.rate = {77, 1h};
  limit.burst = 99;
  limit.action = conf::LimitAction::kShadow;
  limit.match.prefix = {"x"};
  EXPECT_TRUE(record.Fits(limit));
}

TEST(LimitRecord, DoesNotFitALimitThatCountsOtherwise) {
  const LimitRecord record(SlowLimit(), 1);
  const std::function<void(conf::Limit&)> kChanges[] = {
      [](conf::Limit& limit) { limit.name = "other"; },
      [](conf::Limit& limit) { limit.algorithm = conf::LimitAlgorithm::kFixedWindow; },
      [](conf::Limit& limit) { limit.scope = conf::LimitScope::kGlobal; },
      [](conf::Limit& limit) { limit.check = conf::LimitCheck::kExact; },
      [](conf::Limit& limit) { limit.per = {"key"}; },
      [](conf::Limit& limit) { limit.buckets = 7; },
  };
  for (size_t i = 0; i < std::size(kChanges); ++i) {
    conf::Limit limit = SlowLimit();
    kChanges[i](limit);
    EXPECT_FALSE(record.Fits(limit)) << i;
  }
}

TEST(LimitRecord, FitsAnotherWindowOnlyWhereItCountsNoWindows) {
  for (const auto& [algorithm, fits] : {std::pair{conf::LimitAlgorithm::kTokenBucket, true},
                                        {conf::LimitAlgorithm::kFixedWindow, false},
                                        {conf::LimitAlgorithm::kSlidingWindow, false}}) {
    conf::Limit limit = SlowLimit();
    limit.algorithm = algorithm;
    const LimitRecord record(limit, 1);
    limit.rate.amount = 20;
    EXPECT_TRUE(record.Fits(limit));
    limit.rate.window = 1min;
    EXPECT_EQ(record.Fits(limit), fits);
  }
}

TEST(LimitRecord, FailsUntilASecondAfterTheNextQuestionWasDue) {
  LimitRecord record(SlowLimit(), 1);
  LimitState& state = record.state(0);
  const net::TimePoint now(100s);
  EXPECT_FALSE(state.IsFailing(now));
  state.failing_since = now;
  state.next_question = now + 1s;
  EXPECT_TRUE(state.IsFailing(now + 1999ms));
  EXPECT_FALSE(state.IsFailing(now + 2s));
}

}  // namespace
}  // namespace ringproxy::proxy
