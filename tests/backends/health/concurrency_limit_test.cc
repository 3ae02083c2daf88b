#include "backends/health/concurrency_limit.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace ringproxy::backends {
namespace {

using Algorithm = conf::ConcurrencyAlgorithm;
using namespace std::chrono_literals;

class ConcurrencyLimitTest : public testing::Test {
 protected:
  ConcurrencyLimit& Make(Algorithm algorithm = Algorithm::kAimd) {
    options_.algorithm = algorithm;
    limit_.emplace(options_);
    return *limit_;
  }
  // So many good replies, one a turn, with so much under way.
  void Reply(uint64_t count, uint64_t in_flight, net::Duration latency = 1ms) {
    for (uint64_t i = 0; i < count; ++i) limit_->OnReply({latency, true, in_flight}, now_);
  }
  void Timeout(uint64_t in_flight) {
    now_ += ConcurrencyLimit::kCutPause;
    limit_->OnTimeout(in_flight, now_);
  }
  // Windows of the gradient, each of ten replies.
  void Windows(int count, uint64_t in_flight, net::Duration latency) {
    for (int i = 0; i < count; ++i) {
      Reply(9, in_flight, latency);
      now_ += LatencyGradient::kWindow;
      Reply(1, in_flight, latency);
    }
  }
  void CalmSeconds(uint32_t count) {
    for (uint32_t i = 0; i < count; ++i) limit_->OnSecond();
  }

  conf::Concurrency options_{.min = 10, .max = 1000, .reserve = {}};
  std::optional<ConcurrencyLimit> limit_;
  net::TimePoint now_{1h};
};

TEST_F(ConcurrencyLimitTest, RefusesNothingBelowItsMaximumOfANodeThatWasNeverLate) {
  for (const Algorithm algorithm : {Algorithm::kAimd, Algorithm::kGradient}) {
    Make(algorithm);
    for (uint64_t in_flight = 1; in_flight <= 1000; ++in_flight) {
      EXPECT_TRUE(limit_->Admits(in_flight - 1, false));
      Reply(1, in_flight);
    }
    EXPECT_FALSE(limit_->Admits(1000, false));
    EXPECT_EQ(limit_->limit(), 1000U);
  }
}

TEST_F(ConcurrencyLimitTest, AdmitsEverythingAndShowsNoLimitWhenItIsOff) {
  Make(Algorithm::kOff);
  Timeout(500);
  Reply(100, 500);
  CalmSeconds(20);
  EXPECT_TRUE(limit_->Admits(1'000'000'000, false));
  EXPECT_EQ(limit_->limit(), 0U);
}

TEST_F(ConcurrencyLimitTest, IsCutToNineTenthsOfWhatWasUnderWayWhenANodeIsLate) {
  Make();
  Timeout(200);
  EXPECT_EQ(limit_->limit(), 180U);
  EXPECT_TRUE(limit_->Admits(179, false));
  EXPECT_FALSE(limit_->Admits(180, false));
  Timeout(200);
  EXPECT_EQ(limit_->limit(), 162U);
}

TEST_F(ConcurrencyLimitTest, TakesTheTimeoutsOfAMomentForOne) {
  Make();
  Timeout(200);
  for (int i = 0; i < 100; ++i) limit_->OnTimeout(200, now_ + 99ms);
  EXPECT_EQ(limit_->limit(), 180U);
}

TEST_F(ConcurrencyLimitTest, StopsFallingAtItsMinimum) {
  Make();
  for (int i = 0; i < 100; ++i) Timeout(limit_->limit());
  EXPECT_EQ(limit_->limit(), 10U);
}

TEST_F(ConcurrencyLimitTest, TakesATimeoutForNoOverloadWhenLittleIsUnderWay) {
  Make();
  Timeout(9);
  EXPECT_EQ(limit_->limit(), 1000U);
  Timeout(10);
  EXPECT_EQ(limit_->limit(), 10U);
}

TEST_F(ConcurrencyLimitTest, GrowsByOneForAsManyRepliesAsItAllows) {
  Make();
  Timeout(200);
  Reply(179, 90);
  EXPECT_EQ(limit_->limit(), 180U);
  Reply(1, 90);
  EXPECT_EQ(limit_->limit(), 181U);
  Reply(180, 180);
  EXPECT_EQ(limit_->limit(), 181U);
  Reply(1, 180);
  EXPECT_EQ(limit_->limit(), 182U);
}

TEST_F(ConcurrencyLimitTest, StaysWhereItIsWhileLessThanHalfOfItIsUsed) {
  Make();
  Timeout(200);
  Reply(10'000, 89);
  EXPECT_EQ(limit_->limit(), 180U);
}

TEST_F(ConcurrencyLimitTest, CountsRepliesAnewAfterACut) {
  Make();
  Timeout(200);
  Reply(179, 180);
  Timeout(180);
  Reply(1, 162);
  EXPECT_EQ(limit_->limit(), 162U);
}

TEST_F(ConcurrencyLimitTest, RecoversFromItsMinimumToItsMaximumUnderLoad) {
  options_ = {.min = 1, .max = 50, .reserve = {}};
  Make();
  for (int i = 0; i < 50; ++i) Timeout(limit_->limit());
  ASSERT_EQ(limit_->limit(), 1U);
  for (int i = 0; i < 2000; ++i) Reply(1, limit_->limit());
  EXPECT_EQ(limit_->limit(), 50U);
}

TEST_F(ConcurrencyLimitTest, ForgetsAnOverloadAfterTenSecondsWithLittleUnderWay) {
  Make();
  Timeout(200);
  Reply(5, 100);
  limit_->OnSecond();
  CalmSeconds(9);
  EXPECT_EQ(limit_->limit(), 180U);
  Reply(5, 20);
  EXPECT_TRUE(limit_->OnSecond());
  EXPECT_EQ(limit_->limit(), 1000U);
  EXPECT_FALSE(limit_->OnSecond());
}

TEST_F(ConcurrencyLimitTest, ForgetsNoOverloadWhileMuchIsUnderWayOrLate) {
  Make();
  Timeout(200);
  for (int second = 0; second < 30; ++second) {
    second % 9 == 0 ? Reply(1, 100) : void();
    limit_->OnSecond();
  }
  EXPECT_EQ(limit_->limit(), 180U);
  for (int second = 0; second < 30; ++second) {
    if (second % 9 == 0) Timeout(50);
    limit_->OnSecond();
  }
  EXPECT_LT(limit_->limit(), 180U);
}

TEST_F(ConcurrencyLimitTest, KeepsItsReserveForRequestsWithPriority) {
  options_.reserve = {100};
  Make();
  EXPECT_TRUE(limit_->Admits(899, false));
  EXPECT_FALSE(limit_->Admits(900, false));
  EXPECT_TRUE(limit_->Admits(999, true));
  EXPECT_FALSE(limit_->Admits(1000, true));
  Timeout(200);
  EXPECT_FALSE(limit_->Admits(162, false));
  EXPECT_TRUE(limit_->Admits(179, true));
}

TEST_F(ConcurrencyLimitTest, IsNeverClosedToRequestsWithoutPriority) {
  options_ = {.min = 1, .max = 3, .reserve = {1000}};
  Make();
  EXPECT_TRUE(limit_->Admits(0, false));
  EXPECT_FALSE(limit_->Admits(1, false));
}

TEST_F(ConcurrencyLimitTest, SaysWhenItHasChangedAndOnlyThen) {
  Make();
  EXPECT_FALSE(limit_->OnReply({1ms, true, 500}, now_));
  EXPECT_TRUE(limit_->OnTimeout(200, now_));
  EXPECT_FALSE(limit_->OnTimeout(200, now_));
  for (int i = 0; i < 179; ++i) EXPECT_FALSE(limit_->OnReply({1ms, true, 180}, now_));
  EXPECT_TRUE(limit_->OnReply({1ms, true, 180}, now_));
}

TEST_F(ConcurrencyLimitTest, ShrinksByGradientWhenRepliesTakeMuchLongerThanUsual) {
  Make(Algorithm::kGradient);
  Windows(100, 200, 2ms);
  EXPECT_EQ(limit_->limit(), 1000U);
  Windows(1, 200, 20ms);
  // 200 + 0.2 * (200 * 0.5 + sqrt(200) - 200)
  EXPECT_EQ(limit_->limit(), 182U);
  Windows(3, 180, 20ms);
  EXPECT_LT(limit_->limit(), 150U);
  EXPECT_GE(limit_->limit(), 10U);
}

TEST_F(ConcurrencyLimitTest, GrowsByGradientByItsSquareRootOnceRepliesAreAsFastAsUsual) {
  Make(Algorithm::kGradient);
  Windows(100, 200, 2ms);
  for (int i = 0; i < 5; ++i) Windows(1, limit_->limit(), 20ms);
  const uint32_t low = limit_->limit();
  Windows(1, low, 2ms);
  EXPECT_NEAR(limit_->limit(), low + 0.2 * std::sqrt(low), 1.0);
  for (int i = 0; i < 400; ++i) Windows(1, limit_->limit(), 2ms);
  EXPECT_EQ(limit_->limit(), 1000U);
}

TEST_F(ConcurrencyLimitTest, TakesHalfAsLongAgainAndAnyFewMicrosecondsForUsual) {
  for (const auto& [usual, slower] : {std::pair<net::Duration, net::Duration>{2ms, 3ms}, {20us, 500us}}) {
    Make(Algorithm::kGradient);
    Windows(100, 200, usual);
    Windows(1, 200, slower);
    EXPECT_EQ(limit_->limit(), 1000U);
  }
}

TEST_F(ConcurrencyLimitTest, TakesSlowRepliesForNoOverloadWhenLittleIsUnderWay) {
  Make(Algorithm::kGradient);
  Windows(100, 9, 2ms);
  Windows(10, 9, 50ms);
  EXPECT_EQ(limit_->limit(), 1000U);
}

TEST_F(ConcurrencyLimitTest, LeavesLatenciesOutThatTheClockMayNotJudge) {
  Make(Algorithm::kGradient);
  Windows(100, 200, 2ms);
  now_ += 1s;
  for (int i = 0; i < 100; ++i) limit_->OnReply({1s, false, 200}, now_);
  Windows(1, 200, 2ms);
  EXPECT_EQ(limit_->limit(), 1000U);
}

TEST_F(ConcurrencyLimitTest, IsCutByTimeoutsWithTheGradientToo) {
  Make(Algorithm::kGradient);
  Timeout(200);
  EXPECT_EQ(limit_->limit(), 180U);
}

TEST_F(ConcurrencyLimitTest, SoonForgetsTheLatenciesOfAnOverload) {
  Make(Algorithm::kGradient);
  Windows(300, 20, 100ms);
  Windows(100, 20, 2ms);
  Windows(1, 200, 20ms);
  EXPECT_LT(limit_->limit(), 200U);
}

// The asking is no event: of two that see the same, one is asked a hundred times as often.
TEST_F(ConcurrencyLimitTest, StaysWithinItsBoundsWhateverHappensAndLearnsNothingFromWhatItRefuses) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    options_.algorithm = round % 2 == 0 ? Algorithm::kAimd : Algorithm::kGradient;
    options_.min = static_cast<uint32_t>(1 + random() % 100);
    options_.max = static_cast<uint32_t>(options_.min + random() % 1000);
    options_.reserve = {static_cast<uint32_t>(random() % 1001)};
    ConcurrencyLimit limit(options_);
    ConcurrencyLimit asked(options_);
    for (int i = 0; i < 500; ++i) {
      now_ += net::Duration(random() % 20'000);
      const uint64_t in_flight = 1 + random() % (2 * options_.max);
      const ConcurrencyLimit::Reply reply{net::Duration(random() % 50'000), random() % 4 > 0, in_flight};
      const uint64_t event = random() % 40;
      for (ConcurrencyLimit* each : {&limit, &asked}) {
        if (event < 2) {
          each->OnTimeout(in_flight, now_);
        } else if (event == 2) {
          each->OnSecond();
        } else {
          for (int r = 0; r < 20; ++r) each->OnReply(reply, now_);
        }
      }
      for (uint64_t a = 0; a < 100; ++a) asked.Admits(random() % 2000, a % 2 == 0);
      ASSERT_EQ(limit.limit(), asked.limit());
      ASSERT_GE(limit.limit(), options_.min);
      ASSERT_LE(limit.limit(), options_.max);
      ASSERT_TRUE(limit.Admits(limit.limit() - 1, true));
      ASSERT_FALSE(limit.Admits(limit.limit(), true));
      ASSERT_TRUE(limit.Admits(0, false));
      ASSERT_FALSE(limit.Admits(limit.limit(), false));
    }
  }
}

// A node that answers one request a millisecond and in their order, of which three a millisecond are asked with a
// deadline of 100 ms: how many of the last five seconds' answers were in time, and the longest queue.
struct Outcome {
  uint32_t in_time = 0;
  size_t longest = 0;
};
Outcome Overload(ConcurrencyLimit& limit) {
  struct Waiting {
    int64_t sent;
    bool late = false;
  };
  std::deque<Waiting> queue;
  Outcome outcome;
  for (int64_t ms = 1; ms <= 15'000; ++ms) {
    const net::TimePoint now{std::chrono::milliseconds(ms)};
    for (int i = 0; i < 3; ++i) {
      if (limit.Admits(queue.size(), false)) queue.push_back({ms});
    }
    for (Waiting& each : queue) {
      if (each.sent + 100 > ms) break;
      if (!std::exchange(each.late, true)) limit.OnTimeout(queue.size(), now);
    }
    const Waiting first = queue.front();
    if (!first.late) limit.OnReply({std::chrono::milliseconds(ms - first.sent), true, queue.size()}, now);
    queue.pop_front();
    if (ms % 1000 == 0) limit.OnSecond();
    if (ms <= 10'000) continue;
    outcome.in_time += first.late ? 0 : 1;
    outcome.longest = std::max(outcome.longest, queue.size());
  }
  return outcome;
}

TEST_F(ConcurrencyLimitTest, KeepsAnOverloadedNodeBusyWithWhatItCanAnswerInTime) {
  options_.max = 100'000;
  EXPECT_EQ(Overload(Make(Algorithm::kOff)).in_time, 0U);
  for (const Algorithm algorithm : {Algorithm::kAimd, Algorithm::kGradient}) {
    const Outcome outcome = Overload(Make(algorithm));
    EXPECT_GE(outcome.in_time, 4500U);
    EXPECT_LE(outcome.longest, 120U);
  }
}

}  // namespace
}  // namespace ringproxy::backends
