#include "backends/health/node_breaker.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {
namespace {

using Breaker = CircuitBreaker::BreakerState;
using namespace std::chrono_literals;

class NodeBreakerTest : public testing::Test {
 protected:
  NodeBreakerTest() { Make(); }

  void Make() {
    breaker_.emplace(
        io_, options_, stats_, health_.observer, health_.records[0], [this] { ++probes_; }, [this] { ++closings_; });
  }
  // For 1 s, give or take a fifth.
  void Open(TripReason reason = TripReason::kTimeouts) {
    breaker_->Trip(reason);
    EXPECT_EQ(breaker_->state(), Breaker::kOpen);
  }
  void PutOnTrial() {
    Open();
    breaker_->OnProbe(true);
    EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
  }
  std::vector<Breaker> News() const {
    std::vector<Breaker> states;
    for (const BreakerNews& news : health_.observer.news) states.push_back(news.state);
    return states;
  }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  conf::Breaker options_;
  NodeStats stats_;
  test::Health health_{1};
  size_t probes_ = 0;
  size_t closings_ = 0;
  std::optional<NodeBreaker> breaker_;
};

TEST_F(NodeBreakerTest, AdmitsAllUntilItIsOpenAndReadsAloneOnTrial) {
  EXPECT_TRUE(breaker_->is_closed());
  EXPECT_TRUE(breaker_->Admits(false, 1'000));
  Open();
  EXPECT_FALSE(breaker_->Admits(true, 0));
  breaker_->OnProbe(true);
  EXPECT_FALSE(breaker_->Admits(false, 0));
  EXPECT_TRUE(breaker_->Admits(true, 0));
}

TEST_F(NodeBreakerTest, TellsEachChangeOnceWithItsReasonAndTheNodesWords) {
  breaker_->Trip(TripReason::kConnection, "Connection refused");
  EXPECT_EQ(stats_.breaker_state.value(), 1U);
  breaker_->Trip(TripReason::kTimeouts, "another");
  breaker_->OnProbe(false);
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_EQ(health_.observer.news[0].node, health_.records[0]);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kConnection);
  EXPECT_EQ(health_.observer.news[0].detail, "Connection refused");
  EXPECT_FALSE(health_.observer.news[0].is_silent);
  breaker_->OnProbe(true);
  EXPECT_EQ(stats_.breaker_state.value(), 2U);
  EXPECT_EQ(closings_, 0U);
  for (int i = 0; i < 5; ++i) breaker_->OnOutcome(true, loop_.now());
  EXPECT_EQ(stats_.breaker_state.value(), 0U);
  EXPECT_EQ(closings_, 1U);
  EXPECT_EQ(News(), (std::vector{Breaker::kOpen, Breaker::kHalfOpen, Breaker::kClosed}));
}

TEST_F(NodeBreakerTest, TripsForAReasonAndOnlyWhileItIsClosed) {
  breaker_->TripIfClosed(TripReason::kNone);
  EXPECT_TRUE(breaker_->is_closed());
  breaker_->TripIfClosed(TripReason::kSlow, "slow");
  breaker_->TripIfClosed(TripReason::kFailures, "failures");
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kSlow);
  EXPECT_EQ(health_.observer.news[0].detail, "slow");
  breaker_->OnProbe(true);
  breaker_->TripIfClosed(TripReason::kFailures);
  EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
}

TEST_F(NodeBreakerTest, ProbesWhenTheOpenTimeIsUpAndAgainAfterEachBadProbe) {
  Open();
  loop_.Advance(799ms);
  EXPECT_EQ(probes_, 0U);
  loop_.Advance(401ms);
  EXPECT_EQ(probes_, 1U);
  breaker_->OnProbe(false);
  loop_.Advance(1199ms);
  EXPECT_EQ(probes_, 1U);
  loop_.Advance(601ms);
  EXPECT_EQ(probes_, 2U);
  breaker_->OnProbe(true);
  EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
}

TEST_F(NodeBreakerTest, ProbesOnTrialWhileNoClientReads) {
  PutOnTrial();
  for (size_t i = 1; i <= 3; ++i) {
    loop_.Advance(100ms);
    EXPECT_EQ(probes_, i);
    breaker_->OnProbe(true);
  }
  EXPECT_TRUE(breaker_->is_closed());
  loop_.Advance(1h);
  EXPECT_EQ(probes_, 3U);
}

TEST_F(NodeBreakerTest, GoesOnProbingOnTrialWhenAProbeFindsNoConnection) {
  PutOnTrial();
  loop_.Advance(1s);
  EXPECT_EQ(probes_, 10U);
}

TEST_F(NodeBreakerTest, OpensAgainWhenAProbeOnTrialFailsAndProbesLater) {
  Open();
  loop_.Advance(1201ms);
  EXPECT_EQ(probes_, 1U);
  breaker_->OnProbe(true);
  breaker_->OnProbe(false);
  EXPECT_EQ(breaker_->state(), Breaker::kOpen);
  loop_.Advance(1199ms);
  EXPECT_EQ(probes_, 1U);
  loop_.Advance(602ms);
  EXPECT_EQ(probes_, 2U);
}

TEST_F(NodeBreakerTest, ProbesNoLaterWhenAnEarlyTrialHasFailed) {
  PutOnTrial();
  breaker_->OnProbe(false);
  EXPECT_EQ(breaker_->state(), Breaker::kOpen);
  loop_.Advance(799ms);
  EXPECT_EQ(probes_, 0U);
  loop_.Advance(402ms);
  EXPECT_EQ(probes_, 1U);
}

TEST_F(NodeBreakerTest, AnAnswerThatNobodyWaitsForChangesNothingWhileItIsClosed) {
  breaker_->OnProbe(false);
  breaker_->OnOutcome(false, loop_.now());
  EXPECT_TRUE(breaker_->is_closed());
  loop_.Advance(1h);
  EXPECT_EQ(probes_, 0U);
}

TEST_F(NodeBreakerTest, AsksNothingOnceItIsGone) {
  Open();
  breaker_.reset();
  loop_.Advance(1h);
  EXPECT_EQ(probes_, 0U);
}

TEST_F(NodeBreakerTest, TriesANodeThatCanBeReachedAgainWithoutAPause) {
  Open(TripReason::kConnection);
  breaker_->OnReady();
  EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
  for (size_t i = 1; i <= 3; ++i) {
    loop_.Advance(0ms);
    EXPECT_EQ(probes_, i);
    breaker_->OnProbe(true);
  }
  EXPECT_TRUE(breaker_->is_closed());
  loop_.Advance(1h);
  EXPECT_EQ(probes_, 3U);
}

TEST_F(NodeBreakerTest, TakesAHandshakeForAProbeOnceOneIsDue) {
  breaker_->OnReady();
  EXPECT_TRUE(breaker_->is_closed());
  Open(TripReason::kTimeouts);
  breaker_->OnReady();
  EXPECT_EQ(breaker_->state(), Breaker::kOpen) << "it says little about answers";
  loop_.Advance(1200ms);
  breaker_->OnReady();
  EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
}

TEST_F(NodeBreakerTest, TakesAHandshakeForNoSuccessOnTrial) {
  PutOnTrial();
  for (int i = 0; i < 5; ++i) breaker_->OnReady();
  EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
}

TEST_F(NodeBreakerTest, ProbesAtOnceWhenItIsHurriedAndNeedsThat) {
  breaker_->Hurry();
  EXPECT_EQ(probes_, 0U);
  Open();
  breaker_->Hurry();
  EXPECT_EQ(probes_, 1U);
  breaker_->OnProbe(true);
  breaker_->Hurry();
  EXPECT_EQ(probes_, 1U);
}

// No connection was ready to carry the probe: the handshake that is under way is as good.
TEST_F(NodeBreakerTest, RemembersThatItWasHurriedUntilAConnectionIsReady) {
  Open(TripReason::kTimeouts);
  breaker_->Hurry();
  breaker_->OnReady();
  EXPECT_EQ(breaker_->state(), Breaker::kHalfOpen);
}

TEST_F(NodeBreakerTest, TellsASilenceWithoutMoving) {
  breaker_->TellSilence();
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_TRUE(health_.observer.news[0].is_silent);
  EXPECT_EQ(health_.observer.news[0].state, Breaker::kClosed);
  EXPECT_EQ(health_.observer.news[0].node, health_.records[0]);
  EXPECT_EQ(stats_.breaker_state.value(), 0U);
}

TEST_F(NodeBreakerTest, TakesItsWordBackWhenItsNodeLeaves) {
  Open();
  EXPECT_FALSE(breaker_->is_retired());
  breaker_->Retire();
  EXPECT_TRUE(breaker_->is_retired());
  EXPECT_EQ(News(), (std::vector{Breaker::kOpen, Breaker::kClosed}));
  EXPECT_EQ(stats_.breaker_state.value(), 0U);
  loop_.Advance(1h);
  EXPECT_EQ(probes_, 0U);
}

// The record may be another server's by now, at another address.
TEST_F(NodeBreakerTest, SaysNothingOnceItsNodeHasLeft) {
  for (const bool was_open : {false, true}) {
    Make();
    if (was_open) Open(TripReason::kConnection);
    breaker_->Retire();
    EXPECT_EQ(News().size(), was_open ? 2U : 0U);
    health_.observer.news.clear();
    breaker_->Trip(TripReason::kConnection, "Connection refused");
    breaker_->OnProbe(false);
    breaker_->OnReady();
    for (int i = 0; i < 5; ++i) breaker_->OnProbe(true);
    EXPECT_TRUE(breaker_->is_closed());
    breaker_->TellSilence();
    EXPECT_TRUE(News().empty());
    EXPECT_EQ(stats_.breaker_state.value(), 0U);
    loop_.Advance(1h);
    EXPECT_EQ(probes_, 0U);
  }
}

}  // namespace
}  // namespace ringproxy::backends
