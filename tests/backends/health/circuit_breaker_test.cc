#include "backends/health/circuit_breaker.h"

#include <gtest/gtest.h>

#include <random>

namespace ringproxy::backends {
namespace {

using net::Duration;
using net::TimePoint;
using BreakerState = CircuitBreaker::BreakerState;
using namespace std::chrono_literals;

constexpr double kMiddle = 0.5;  // Of the random numbers: no jitter.

class CircuitBreakerTest : public testing::Test {
 protected:
  void Trip(TripReason reason = TripReason::kTimeouts, uint64_t in_flight = 0) {
    breaker_.Trip(reason, in_flight, kMiddle, now_);
  }
  void Probe(bool good) { breaker_.OnProbe(good, kMiddle, now_); }
  void Answer(bool good) { breaker_.OnOutcome(good, 0, kMiddle, now_, now_); }
  Duration OpenFor() const { return breaker_.open_until() - now_; }
  // From kOpen; takes the open time.
  void Recover() {
    now_ = breaker_.open_until();
    Probe(true);
    for (uint32_t i = 0; i < CircuitBreaker::kTrialSuccesses; ++i) Answer(true);
    EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  }

  conf::Breaker options_;  // Open for 1 s, ramp of 1 s.
  CircuitBreaker breaker_{options_};
  TimePoint now_{1000s};
};

TEST_F(CircuitBreakerTest, AdmitsEverythingWhileClosed) {
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  EXPECT_TRUE(breaker_.Admits(false, 1'000'000, now_));
  EXPECT_TRUE(breaker_.Admits(true, 1'000'000, now_));
}

TEST_F(CircuitBreakerTest, RefusesEverythingWhileOpen) {
  Trip(TripReason::kSlow);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker_.reason(), TripReason::kSlow);
  EXPECT_FALSE(breaker_.Admits(true, 0, now_));
  EXPECT_FALSE(breaker_.Admits(true, 0, now_ + 1h));
}

TEST_F(CircuitBreakerTest, IsDueForAProbeWhenItsTimeIsUpAndNotBefore) {
  EXPECT_FALSE(breaker_.ProbeIsDue(now_ + 1h));
  Trip();
  EXPECT_FALSE(breaker_.ProbeIsDue(now_ + 999'999us));
  EXPECT_TRUE(breaker_.ProbeIsDue(now_ + 1s));
  Probe(true);
  EXPECT_FALSE(breaker_.ProbeIsDue(now_ + 1h));
}

TEST_F(CircuitBreakerTest, GoesOnTrialWithAGoodProbeAlsoOneThatWasNotDue) {
  Trip();
  Probe(true);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

TEST_F(CircuitBreakerTest, StaysOpenForHalfAsLongAgainAfterEachBadProbeUpToAMinute) {
  Trip();
  Duration expected = 1s;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(OpenFor(), expected);
    now_ = breaker_.open_until();
    Probe(false);
    EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
    EXPECT_EQ(breaker_.reason(), TripReason::kTimeouts);
    expected = std::min<Duration>(expected * 3 / 2, 60s);
  }
  EXPECT_EQ(OpenFor(), 60s);
}

// A node that flaps: it accepts a connection, and drops it before it has answered.
TEST_F(CircuitBreakerTest, StaysOpenNoLongerAfterOpeningsThatAHandshakeHasCutShort) {
  Trip(TripReason::kConnection);
  for (int i = 0; i < 20; ++i) {
    now_ += 1ms;
    Probe(true);
    Trip(TripReason::kConnection);
    EXPECT_EQ(OpenFor(), 1s);
  }
  now_ = breaker_.open_until();
  Probe(true);
  Trip(TripReason::kConnection);
  EXPECT_EQ(OpenFor(), 1500ms);
}

TEST_F(CircuitBreakerTest, SpreadsTheOpenTimeByAFifth) {
  breaker_.Trip(TripReason::kSlow, 0, 0, now_);
  EXPECT_EQ(OpenFor(), 800ms);
  Recover();
  now_ += 1h;
  breaker_.Trip(TripReason::kSlow, 0, 0.999999, now_);
  EXPECT_GT(OpenFor(), 1199ms);
  EXPECT_LT(OpenFor(), 1200ms);
}

TEST_F(CircuitBreakerTest, LetsOnTrialOneReadThroughAtATimeAndNoWrite) {
  Trip();
  Probe(true);
  EXPECT_FALSE(breaker_.Admits(false, 0, now_));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(breaker_.Admits(true, 0, now_));
}

TEST_F(CircuitBreakerTest, LetsOnTrialOneReadInAHundredJoinOthers) {
  Trip();
  Probe(true);
  int admitted = 0;
  for (int i = 0; i < 1000; ++i) admitted += breaker_.Admits(true, 1, now_) ? 1 : 0;
  EXPECT_EQ(admitted, 10);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(breaker_.Admits(false, 1, now_));
}

TEST_F(CircuitBreakerTest, ClosesAfterThreeGoodAnswersAndNotAfterTwo) {
  Trip();
  Probe(true);
  Answer(true);
  Answer(true);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  Answer(true);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
}

TEST_F(CircuitBreakerTest, ClosesByProbesWhereNobodyReads) {
  Trip();
  Probe(true);
  Probe(true);
  Answer(true);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
  Probe(true);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
}

TEST_F(CircuitBreakerTest, OpensAnewForLongerAtTheFirstBadAnswerOnTrial) {
  for (const bool by_probe : {false, true}) {
    CircuitBreaker breaker(options_);
    breaker.Trip(TripReason::kFailures, 5, kMiddle, now_);
    now_ = breaker.open_until();
    breaker.OnProbe(true, kMiddle, now_);
    breaker.OnOutcome(true, 5, kMiddle, now_, now_);
    if (by_probe) {
      breaker.OnProbe(false, kMiddle, now_);
    } else {
      breaker.OnOutcome(false, 5, kMiddle, now_, now_);
    }
    EXPECT_EQ(breaker.state(), BreakerState::kOpen);
    EXPECT_EQ(breaker.reason(), TripReason::kFailures);
    EXPECT_EQ(breaker.open_until() - now_, 1500ms);
    // The successes of the last trial do not count in the next.
    breaker.OnProbe(true, kMiddle, now_);
    for (int i = 0; i < 2; ++i) breaker.OnOutcome(true, 5, kMiddle, now_, now_);
    EXPECT_EQ(breaker.state(), BreakerState::kHalfOpen);
  }
}

TEST_F(CircuitBreakerTest, HeedsOnTrialOnlyWhatWasSentOnTrial) {
  Trip();
  now_ += 1s;
  Probe(true);
  for (int i = 0; i < 5; ++i) breaker_.OnOutcome(true, 0, kMiddle, now_ - 1us, now_);
  breaker_.OnOutcome(false, 0, kMiddle, now_ - 1us, now_);
  EXPECT_EQ(breaker_.state(), BreakerState::kHalfOpen);
}

TEST_F(CircuitBreakerTest, HeedsNoAnswerAndNoProbeInOtherStates) {
  Answer(false);
  Probe(false);
  EXPECT_EQ(breaker_.state(), BreakerState::kClosed);
  Trip();
  const TimePoint end = breaker_.open_until();
  Answer(true);
  Answer(false);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker_.open_until(), end);
}

TEST_F(CircuitBreakerTest, OpensFromEveryState) {
  Trip(TripReason::kSlow);
  Trip(TripReason::kConnection);
  EXPECT_EQ(breaker_.reason(), TripReason::kConnection);
  EXPECT_EQ(OpenFor(), 1s);
  Probe(true);
  Trip(TripReason::kFailures);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
  EXPECT_EQ(breaker_.reason(), TripReason::kFailures);
  Recover();
  Trip(TripReason::kTimeouts);
  EXPECT_EQ(breaker_.state(), BreakerState::kOpen);
}

TEST_F(CircuitBreakerTest, ForgetsItsLongTimesOnceTheNodeWasWellForAsLongAsItWasCutOff) {
  Trip();
  now_ = breaker_.open_until();
  Probe(false);  // 1.5 s
  Recover();
  now_ += 1'499'999us;
  Trip();
  EXPECT_EQ(OpenFor(), 2250ms);
  Recover();
  now_ += 2250ms;
  Trip();
  EXPECT_EQ(OpenFor(), 1s);
}

TEST_F(CircuitBreakerTest, LetsTheRequestsInFlightGrowBackEvenlyOverTheRamp) {
  Trip(TripReason::kTimeouts, 1000);
  Recover();
  EXPECT_TRUE(breaker_.Admits(false, 63, now_));
  EXPECT_FALSE(breaker_.Admits(false, 64, now_));
  now_ += 500ms;
  EXPECT_TRUE(breaker_.Admits(false, 499, now_));
  EXPECT_FALSE(breaker_.Admits(false, 500, now_));
  now_ += 499'999us;
  EXPECT_FALSE(breaker_.Admits(false, 1000, now_));
  now_ += 1us;
  EXPECT_TRUE(breaker_.Admits(false, 1'000'000, now_));
}

TEST_F(CircuitBreakerTest, RampsToWhatWasUsualBeforeItOpenedAndNotToWhatWasThereOnTrial) {
  Trip(TripReason::kTimeouts, 1000);
  Probe(true);
  breaker_.OnOutcome(false, 2, kMiddle, now_, now_);
  Recover();
  now_ += 500ms;
  EXPECT_TRUE(breaker_.Admits(false, 499, now_));
}

TEST_F(CircuitBreakerTest, HasNoRampWhenThatIsOff) {
  options_.ramp = 0s;
  Trip(TripReason::kTimeouts, 1000);
  Recover();
  EXPECT_TRUE(breaker_.Admits(false, 100'000, now_));
}

// Any order of events: the moves are those of the picture, every opening has an end within 72 s, and an open breaker
// admits nothing.
TEST_F(CircuitBreakerTest, MakesOnlyTheMovesOfItsPictureWhateverComes) {
  std::mt19937_64 random(1);
  BreakerState before = breaker_.state();
  for (int i = 0; i < 100'000; ++i) {
    now_ += Duration(random() % 400'000);
    const bool good = random() % 3 != 0;
    const double chance = std::uniform_real_distribution<double>(0, 1)(random);
    switch (random() % 4) {
      case 0: breaker_.OnProbe(good, chance, now_); break;
      case 1: breaker_.OnOutcome(good, random() % 100, chance, now_ - Duration(random() % 400'000), now_); break;
      case 2: breaker_.Admits(good, random() % 3, now_); break;
      default:
        if (random() % 5 == 0) breaker_.Trip(TripReason::kSlow, random() % 100, chance, now_);
    }
    const BreakerState state = breaker_.state();
    if (state != before) {
      ASSERT_FALSE(before == BreakerState::kClosed && state == BreakerState::kHalfOpen);
      ASSERT_FALSE(before == BreakerState::kOpen && state == BreakerState::kClosed);
    }
    if (state == BreakerState::kOpen) {
      ASSERT_FALSE(breaker_.Admits(true, 0, now_));
      ASSERT_LE(breaker_.open_until() - now_, 72s);
    }
    before = state;
  }
}

}  // namespace
}  // namespace ringproxy::backends
