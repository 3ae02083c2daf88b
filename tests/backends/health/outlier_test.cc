#include "backends/health/outlier.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ringproxy::backends {
namespace {

using net::Duration;
using net::TimePoint;
using wire::Fault;
using namespace std::chrono_literals;

class OutlierTest : public testing::Test {
 protected:
  OutlierTest() {
    // Each test turns on what it is about.
    options_.consecutive_failures = 0;
    options_.failure_ratio = {};
    options_.slow_ratio = {};
  }
  Outlier& Make(bool keeps_percentile = false) {
    outlier_ = std::make_unique<Outlier>(options_, keeps_percentile);
    return *outlier_;
  }
  TripReason Good() { return Reply(1ms); }
  TripReason Reply(Duration latency, bool timed = true) {
    return outlier_->OnReply(latency, Fault::kNone, timed, now_);
  }
  TripReason Fails(Fault fault = Fault::kHard) { return outlier_->OnReply(1ms, fault, true, now_); }
  TripReason Timeout() { return outlier_->OnTimeout(now_); }
  // The first reason that any of the replies gives.
  TripReason Replies(int count, Duration latency) {
    TripReason first = TripReason::kNone;
    for (int i = 0; i < count; ++i) {
      const TripReason reason = Reply(latency);
      if (first == TripReason::kNone) first = reason;
    }
    return first;
  }

  conf::Breaker options_;
  std::unique_ptr<Outlier> outlier_;
  TimePoint now_{1000s};
};

TEST_F(OutlierTest, SaysNothingWhenEveryRuleIsOff) {
  Make();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(Timeout(), TripReason::kNone);
    EXPECT_EQ(Fails(), TripReason::kNone);
    EXPECT_EQ(Reply(10s), TripReason::kNone);
    now_ += 10ms;
  }
  EXPECT_EQ(outlier_->OnPoolMedian(1us, now_), TripReason::kNone);
}

TEST_F(OutlierTest, MindsTheLastOfFiveTimeoutsInARow) {
  options_.consecutive_failures = 5;
  Make();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
  EXPECT_EQ(Timeout(), TripReason::kTimeouts);
}

TEST_F(OutlierTest, MindsTheLastOfFiveHardFaultsInARowAndSaysWhatCameLast) {
  options_.consecutive_failures = 5;
  Make();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
  EXPECT_EQ(Fails(), TripReason::kFailures);
}

TEST_F(OutlierTest, BreaksARowWithOneGoodReplyAlsoOneThatTheClockMayNotJudge) {
  options_.consecutive_failures = 5;
  Make();
  for (const bool timed : {true, false}) {
    for (int i = 0; i < 4; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
    EXPECT_EQ(Reply(1ms, timed), TripReason::kNone);
  }
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Fails(), TripReason::kNone);
}

TEST_F(OutlierTest, CountsASoftFaultInNoRowAndBreaksNoneWithIt) {
  options_.consecutive_failures = 5;
  Make();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Fails(), TripReason::kNone);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Fails(Fault::kSoft), TripReason::kNone);
  EXPECT_EQ(Fails(), TripReason::kFailures);
}

TEST_F(OutlierTest, MindsAShareOfFailuresFromTheLeastNumberOfRequests) {
  options_.failure_ratio = {500};
  options_.min_requests = 20;
  Make();
  for (int i = 0; i < 10; ++i) Good();
  for (int i = 0; i < 9; ++i) EXPECT_EQ(Fails(Fault::kSoft), TripReason::kNone);
  EXPECT_EQ(Fails(Fault::kSoft), TripReason::kFailures);
}

TEST_F(OutlierTest, MindsAShareOfFailuresFromExactlyItsRatio) {
  options_.failure_ratio = {250};
  options_.min_requests = 4;
  Make();
  for (int i = 0; i < 76; ++i) Good();
  for (int i = 0; i < 25; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);  // 25 of 101 at most.
  EXPECT_EQ(Timeout(), TripReason::kFailures);                           // 26 of 102.
}

TEST_F(OutlierTest, ForgetsFailuresAfterItsWindow) {
  options_.failure_ratio = {500};
  options_.min_requests = 20;
  Make();
  for (int i = 0; i < 19; ++i) Fails();
  now_ += 9'999ms;
  EXPECT_EQ(Fails(), TripReason::kFailures);
  outlier_->Clear();
  for (int i = 0; i < 19; ++i) Fails();
  now_ += 10s;
  EXPECT_EQ(Fails(), TripReason::kNone);
}

// Whatever the times, the verdict is that of a naive count over the last ten tenths of the window.
TEST_F(OutlierTest, CountsItsWindowLikeANaiveRecount) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 40; ++round) {
    options_.failure_ratio = {static_cast<uint32_t>(1 + random() % 1000)};
    options_.min_requests = static_cast<uint32_t>(1 + random() % 50);
    options_.window = Duration(1'000'000 * (1 + random() % 30));
    Make();
    const int64_t tenth = options_.window.count() / 10;
    struct Event {
      int64_t bucket;
      bool failed;
    };
    std::vector<Event> events;
    const uint64_t failing = random() % 100;
    for (int i = 0; i < 1500; ++i) {
      if (random() % 3 == 0)
        now_ += Duration(random() % static_cast<uint64_t>(random() % 50 == 0 ? tenth * 12 : tenth / 4));
      const int64_t bucket = now_.time_since_epoch().count() / tenth;
      const bool failed = random() % 100 < failing;
      events.push_back({bucket, failed});
      uint64_t requests = 0;
      uint64_t failures = 0;
      for (size_t e = events.size(); e-- > 0 && events[e].bucket > bucket - 10;) {
        ++requests;
        failures += events[e].failed ? 1 : 0;
      }
      const bool trips = failed && requests >= options_.min_requests &&
                         failures * 1000 >= requests * options_.failure_ratio.thousandths;
      const TripReason reason = failed ? (random() % 2 == 0 ? Timeout() : Fails(Fault::kSoft)) : Good();
      ASSERT_EQ(reason, trips ? TripReason::kFailures : TripReason::kNone) << "round " << round << ", step " << i;
    }
  }
}

TEST_F(OutlierTest, CallsAReplySlowFromExactlyTheThreshold) {
  options_.slow_ratio = {1000};
  Make();
  EXPECT_FALSE(outlier_->IsSlow(99'999us));
  EXPECT_TRUE(outlier_->IsSlow(100ms));
  options_.slow_ratio = {};
  EXPECT_FALSE(outlier_->IsSlow(1h));
}

TEST_F(OutlierTest, MindsTheThirdSlowSecondAsSoonAsItCanBeJudged) {
  options_.slow_ratio = {1000};
  Make();
  for (int second = 0; second < 2; ++second) {
    EXPECT_EQ(Replies(20, 100ms), TripReason::kNone);
    now_ += 1s;
  }
  EXPECT_EQ(Replies(19, 100ms), TripReason::kNone);
  EXPECT_EQ(Reply(100ms), TripReason::kSlow);
}

TEST_F(OutlierTest, MindsNoSecondWithTooFewRepliesOrTooFewSlowOnes) {
  options_.slow_ratio = {500};
  Make();
  for (const auto& [slow, fast] : {std::pair{19, 0}, {9, 11}, {49, 51}}) {
    for (int second = 0; second < 6; ++second) {
      EXPECT_EQ(Replies(fast, 99'999us), TripReason::kNone);
      EXPECT_EQ(Replies(slow, 100ms), TripReason::kNone) << slow << " of " << slow + fast;
      now_ += 1s;
    }
  }
  // Exactly the ratio.
  TripReason last = TripReason::kNone;
  for (int second = 0; second < 3; ++second) {
    Replies(50, 1ms);
    last = Replies(50, 100ms);
    now_ += 1s;
  }
  EXPECT_EQ(last, TripReason::kSlow);
}

TEST_F(OutlierTest, WantsItsSlowSecondsInARow) {
  options_.slow_ratio = {1000};
  Make();
  for (const Duration pause : {1s, 2s}) {  // A fast second between, or a second without replies.
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(Replies(20, 1s), TripReason::kNone);
      now_ += 1s;
      EXPECT_EQ(Replies(20, 1s), TripReason::kNone);
      now_ += pause;
      if (pause == 1s) {
        Good();
        EXPECT_EQ(Replies(20, 1s), TripReason::kNone);
        now_ += 1s;
      }
    }
  }
}

TEST_F(OutlierTest, DoesNotJudgeByTheClockWhatMayTakeItsTime) {
  options_.slow_ratio = {1000};
  options_.slow_factor = {4000};
  Make();
  for (int second = 0; second < 6; ++second) {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(Reply(5s, false), TripReason::kNone);
    now_ += 1s;
  }
  EXPECT_FALSE(outlier_->Percentile95(now_));
}

TEST_F(OutlierTest, KnowsThePercentileOfTheLastWholeSecondForThreeSeconds) {
  Make(true);
  Replies(95, 1ms);
  Replies(5, 50ms);
  EXPECT_FALSE(outlier_->Percentile95(now_));
  now_ += 1s;
  Good();
  ASSERT_TRUE(outlier_->Percentile95(now_));
  EXPECT_GE(*outlier_->Percentile95(now_), 1ms);
  EXPECT_LE(*outlier_->Percentile95(now_), 1063us);
  EXPECT_TRUE(outlier_->Percentile95(now_ + 2'999ms));
  EXPECT_FALSE(outlier_->Percentile95(now_ + 3s));
}

TEST_F(OutlierTest, KnowsNoPercentileOfFewRepliesOrWhenItNeedNot) {
  for (const bool keeps : {true, false}) {
    Make(keeps);
    Replies(keeps ? 19 : 100, 1ms);
    now_ += 1s;
    Good();
    EXPECT_FALSE(outlier_->Percentile95(now_)) << keeps;
  }
}

TEST_F(OutlierTest, MindsBeingSlowerThanThePoolForThreeSeconds) {
  options_.slow_factor = {4000};
  Make();
  for (int second = 0; second < 3; ++second) {
    Replies(20, 10ms);
    now_ += 1s;
    Good();
    const TripReason reason = outlier_->OnPoolMedian(2ms, now_);
    EXPECT_EQ(reason, second < 2 ? TripReason::kNone : TripReason::kSlowerThanPool) << second;
  }
}

TEST_F(OutlierTest, MindsExactlyItsFactorOfTheMedianAndNotLess) {
  options_.slow_factor = {4000};
  for (const bool reaches : {true, false}) {
    Make();
    TripReason reason = TripReason::kNone;
    for (int second = 0; second < 4; ++second) {
      Replies(20, 10ms);
      now_ += 1s;
      Good();
      const int64_t own = outlier_->Percentile95(now_)->count();
      reason = outlier_->OnPoolMedian(Duration(own / 4 + (reaches ? 0 : 1)), now_);
    }
    EXPECT_EQ(reason, reaches ? TripReason::kSlowerThanPool : TripReason::kNone);
  }
}

TEST_F(OutlierTest, ComparesNothingBelowTwoMilliseconds) {
  options_.slow_factor = {4000};
  Make();
  for (int second = 0; second < 6; ++second) {
    Replies(20, 1800us);
    now_ += 1s;
    Good();
    EXPECT_EQ(outlier_->OnPoolMedian(1us, now_), TripReason::kNone);
  }
}

TEST_F(OutlierTest, BeginsAnewAfterASecondLikeTheOthers) {
  options_.slow_factor = {4000};
  Make();
  for (int second = 0; second < 12; ++second) {
    Replies(20, 10ms);
    now_ += 1s;
    Good();
    EXPECT_EQ(outlier_->OnPoolMedian(second % 3 == 2 ? 9ms : 2ms, now_), TripReason::kNone) << second;
  }
}

// The percentile of a second stands for three; one bad second is still one.
TEST_F(OutlierTest, CountsOneBadSecondOnceHoweverOftenItIsAsked) {
  options_.slow_factor = {4000};
  Make();
  Replies(20, 10ms);
  now_ += 1s;
  for (int i = 0; i < 3; ++i) {
    Good();
    ASSERT_TRUE(outlier_->Percentile95(now_)) << i;
    EXPECT_EQ(outlier_->OnPoolMedian(2ms, now_), TripReason::kNone) << i;
    now_ += 999ms;
  }
}

TEST_F(OutlierTest, ForgetsEverythingWhenCleared) {
  options_ = {};
  options_.slow_factor = {4000};
  options_.failure_ratio = {800};
  Make();
  for (int second = 0; second < 2; ++second) {
    Replies(20, 1s);
    now_ += 1s;
    Good();
    outlier_->OnPoolMedian(2ms, now_);
  }
  for (int i = 0; i < 4; ++i) Timeout();
  outlier_->Clear();
  EXPECT_FALSE(outlier_->Percentile95(now_));
  EXPECT_EQ(outlier_->OnPoolMedian(2ms, now_), TripReason::kNone);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
  EXPECT_EQ(Replies(20, 1s), TripReason::kNone);
}

TEST_F(OutlierTest, GoesByNoClockWhileItMayNotAndRemembersWhatItHasCounted) {
  options_.consecutive_failures = 5;
  Make();
  outlier_->JudgeByTime(false);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(Fails(), TripReason::kNone);
  EXPECT_EQ(Fails(), TripReason::kFailures) << "words count at once";
  outlier_->Clear();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
  outlier_->JudgeByTime(true);
  EXPECT_EQ(Timeout(), TripReason::kTimeouts);
}

TEST_F(OutlierTest, CountsTimeoutsInAShareOnlyWhileTheClockMayJudge) {
  options_.failure_ratio = {500};
  Make();
  outlier_->JudgeByTime(false);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Timeout(), TripReason::kNone);
  outlier_->JudgeByTime(true);
  EXPECT_EQ(Timeout(), TripReason::kFailures);
}

TEST_F(OutlierTest, CountsSlowSecondsWithoutOpeningByThem) {
  options_.slow_ratio = {1000};
  Make();
  outlier_->JudgeByTime(false);
  const auto second = [this] {
    const TripReason reason = Replies(50, 200ms);
    now_ += 1s;
    return reason;
  };
  for (int i = 0; i < 10; ++i) EXPECT_EQ(second(), TripReason::kNone);
  outlier_->JudgeByTime(true);
  EXPECT_EQ(second(), TripReason::kSlow);
}

}  // namespace
}  // namespace ringproxy::backends
