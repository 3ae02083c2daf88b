#include "proxy/guard/waiting_room.h"

#include <gmock/gmock.h>

#include "proxy/guard/leased_buckets.h"
#include "tests/proxy/guard/guard_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::StoreFailure;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

// The room with all that stands around it in a worker.
struct WaitingRoomParts {
  WaitingRoomParts(backends::WorkerIo& io, SharedLimits& shared, WaitingRoom::User& user)
      : desk(io, shared, 0, room),
        fallback(io.loop, shared),
        local(io.loop),
        leased(io.loop, shared, 0, desk, fallback),
        exact(io.loop, 0, fallback),
        admission(local, leased, exact),
        room(io.loop, 0, admission, desk, exact, user) {}

  LeaseDesk desk;
  StoreFallback fallback;
  LocalBuckets local;
  LeasedBuckets leased;
  ExactBuckets exact;
  Admission admission;
  WaitingRoom room;
};

class WaitingRoomTest : public GuardFixture, private WaitingRoom::User {
 protected:
  enum class Way : uint8_t { kAtOnce, kRefused, kWaits };

  void Make(std::vector<conf::Limit> limits) {
    parts_.reset();
    Hold(std::move(limits));
    WaitingRoom::User& user = *this;
    parts_ = std::make_unique<WaitingRoomParts>(io_, *shared_, user);
    store_sink_ = &parts_->desk.sink();
  }
  // A request of number next_ - 1 meets its buckets, and waits if it has to and may.
  Way Come(const ClientIdentity& client = Client(1)) {
    AdmissionAttempt attempt;
    attempt.held = held_.get();
    attempt.charges = ChargesFor("get x", client);
    const Ticket ticket{0, 0, next_++, Ticket::Kind::kSession};
    const AdmissionOutcome outcome = parts_->admission.Run(&attempt, &client);
    if (outcome.step == AdmissionStep::kRefused) return Way::kRefused;
    if (outcome.step == AdmissionStep::kDone && attempt.hold_ns == 0) return Way::kAtOnce;
    entering_ = true;
    const auto refusal = parts_->room.Enter(&attempt, outcome, client, ticket);
    entering_ = false;
    Flush();
    if (!refusal) return Way::kWaits;
    refusal_ = *refusal;
    return Way::kRefused;
  }
  std::vector<uint32_t> TakePassed() { return std::exchange(passed_, {}); }
  std::vector<uint32_t> TakeRefused() { return std::exchange(refused_, {}); }

  void OnPassed(Ticket ticket, const AdmissionAttempt& attempt) override {
    EXPECT_FALSE(entering_);
    EXPECT_EQ(attempt.next, attempt.charges.size());
    passed_.push_back(ticket.slot);
    last_charges_ = attempt.charges;
    for (; follow_ups_ > 0; --follow_ups_) Come();
    EXPECT_EQ(attempt.charges.size(), last_charges_.size()) << "the attempt is valid during the call";
  }
  void OnTurnedAway(Ticket ticket, const AdmissionOutcome& refusal) override {
    EXPECT_FALSE(entering_);
    EXPECT_EQ(refusal.step, AdmissionStep::kRefused);
    refused_.push_back(ticket.slot);
    refusal_ = refusal;
  }

  std::unique_ptr<WaitingRoomParts> parts_;
  uint32_t next_ = 0;
  bool entering_ = false;
  int follow_ups_ = 0;  // So many further requests come while one is told that it has passed.
  std::vector<uint32_t> passed_;
  std::vector<uint32_t> refused_;
  std::vector<Charge> last_charges_;
  AdmissionOutcome refusal_;
};

TEST_F(WaitingRoomTest, DelaysInOrderAndRefusesWhoWouldWaitTooLong) {
  Make({Delaying(TokenLimit("a", 10, 1), 300ms)});
  EXPECT_EQ(Come(), Way::kAtOnce);
  for (uint64_t client = 1; client <= 3; ++client) EXPECT_EQ(Come(Client(client)), Way::kWaits);
  EXPECT_EQ(Come(), Way::kRefused);
  EXPECT_EQ(Stats().waiting.value(), 3U);
  Advance(99ms);
  EXPECT_THAT(TakePassed(), IsEmpty());
  Advance(1ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1));
  Advance(200ms);
  EXPECT_THAT(TakePassed(), ElementsAre(2, 3));
  EXPECT_THAT(TakeRefused(), IsEmpty());
  EXPECT_EQ(Stats().waiting.value(), 0U);
  EXPECT_EQ(Stats().delayed.value(), 3U);
}

TEST_F(WaitingRoomTest, LetsNoMoreWaitThanMayAndChargesNothingToThoseItRefuses) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s, 2)});
  EXPECT_EQ(Come(), Way::kAtOnce);
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Come(), Way::kWaits);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Come(), Way::kRefused);
  EXPECT_EQ(refusal_.retry_after, 300ms);
  EXPECT_EQ(refusal_.rule, &Rule(0));
  Advance(200ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1, 2));
  EXPECT_EQ(Come(), Way::kWaits);
  Advance(100ms);
  EXPECT_THAT(TakePassed(), ElementsAre(8));
}

TEST_F(WaitingRoomTest, WaitsForTheLongestOfItsDelays) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s), Delaying(TokenLimit("b", 4, 1), 10s)});
  Come();
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Stats(0).waiting.value(), 0U);
  EXPECT_EQ(Stats(1).waiting.value(), 1U);
  Advance(249ms);
  EXPECT_THAT(TakePassed(), IsEmpty());
  Advance(1ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1));
  EXPECT_EQ(Stats(0).delayed.value(), 0U);
  EXPECT_EQ(Stats(1).delayed.value(), 1U);
}

TEST_F(WaitingRoomTest, WhoIsHeldTakesItsPlaceWhenItGoesAndIsTurnedAwayIfThereIsNone) {
  Make({Delaying(TokenLimit("a", 10, 2), 10s), ConcurrencyLimit("c", 1)});
  EXPECT_EQ(Come(), Way::kAtOnce);
  const std::vector<Charge> first = ChargesFor("get x");
  EXPECT_EQ(Come(), Way::kRefused) << "no place, so it need not wait";
  parts_->admission.Settle(first[1], *held_, 0);
  EXPECT_EQ(Come(), Way::kAtOnce);
  parts_->admission.Settle(first[1], *held_, 0);
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Come(), Way::kWaits) << "the one that is held has no place";
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
  Advance(100ms);
  EXPECT_THAT(TakePassed(), ElementsAre(3));
  EXPECT_DOUBLE_EQ(Used(1), 1.0);
  Advance(100ms);
  EXPECT_THAT(TakeRefused(), ElementsAre(4));
  EXPECT_EQ(refusal_.rule, &Rule(1));
  EXPECT_EQ(Stats(0).delayed.value(), 1U);
  EXPECT_EQ(Stats(0).waiting.value(), 0U);
}

TEST_F(WaitingRoomTest, KeepsTheSnapshotThatItEnteredByUntilItsWaitIsOver) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s)});
  Come();
  EXPECT_FALSE(held_->is_used());
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Come(), Way::kWaits);
  held_->Retire();
  Advance(100ms);
  EXPECT_TRUE(held_->is_used());
  Advance(100ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1, 2));
  EXPECT_FALSE(held_->is_used());
}

TEST_F(WaitingRoomTest, AllThatWaitGoWithTheRoom) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s)});
  Come();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Come(), Way::kWaits);
  parts_.reset();
  EXPECT_FALSE(held_->is_used());
  Advance(10s);
  EXPECT_THAT(TakePassed(), IsEmpty());
}

TEST_F(WaitingRoomTest, OthersMayComeWhileOneIsToldThatItHasPassed) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s)});
  Come();
  EXPECT_EQ(Come(), Way::kWaits);
  follow_ups_ = 20;
  Advance(100ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1));
  EXPECT_EQ(Stats().waiting.value(), 20U);
  Advance(2s);
  EXPECT_THAT(TakePassed(), SizeIs(20));
}

TEST_F(WaitingRoomTest, ADelayedRequestWaitsForTheLease) {
  Make({Delaying(GlobalLimit("g", 10, 1), 500ms)});
  Come();
  Grant(0, 0, 1000);
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Stats().waiting.value(), 1U);
  Grant(1);
  Advance(100ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1));
  EXPECT_EQ(last_charges_.at(0).taken, Source::kLease);
  EXPECT_EQ(Stats().waiting.value(), 0U);
  EXPECT_EQ(Stats().delayed.value(), 1U);
}

TEST_F(WaitingRoomTest, ADelayEndsInARefusalWhenTheLeaseGetsNothingInTime) {
  Make({Delaying(GlobalLimit("g", 10, 1), 500ms)});
  Come();
  Grant(0, 0, 1000);
  EXPECT_EQ(Come(), Way::kWaits);
  Grant(0, 600'000, 1000);
  EXPECT_THAT(TakeRefused(), IsEmpty());
  Advance(10ms);
  EXPECT_THAT(TakeRefused(), ElementsAre(1));
  EXPECT_THAT(TakePassed(), IsEmpty());
  EXPECT_EQ(Stats().waiting.value(), 0U);
  EXPECT_EQ(Stats().delayed.value(), 0U);
}

TEST_F(WaitingRoomTest, ARequestThatTheStoreAdmitsWasNotDelayed) {
  Make({PerClient(ExactLimit("e", 10, 5))});
  EXPECT_EQ(Come(Client(1, "10.0.0.1")), Way::kWaits);
  EXPECT_EQ(Key(TakeQuestions().at(0)), "ringproxy:{e:10.0.0.1}");
  EXPECT_EQ(Stats().waiting.value(), 1U);
  Grant(1);
  EXPECT_THAT(TakePassed(), ElementsAre(0));
  EXPECT_EQ(last_charges_.at(0).taken, Source::kFree);
  EXPECT_EQ(Stats().waiting.value(), 0U);
  EXPECT_EQ(Stats().delayed.value(), 0U) << "it waited for the store, not for the limit";
}

TEST_F(WaitingRoomTest, AnExactLimitMayDelay) {
  Make({Delaying(ExactLimit("e", 10, 1), 300ms)});
  EXPECT_EQ(Come(), Way::kWaits);
  Grant(0, 100'000);
  TakeQuestions();
  Advance(99ms);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  Advance(1ms);
  EXPECT_THAT(TakeQuestions(), SizeIs(1));
  Grant(1);
  EXPECT_THAT(TakePassed(), ElementsAre(0));
  EXPECT_EQ(Stats().delayed.value(), 1U);
  EXPECT_EQ(Come(), Way::kWaits);
  Grant(0, 301'000);
  EXPECT_THAT(TakeRefused(), ElementsAre(1)) << "longer than it may wait";
}

// Those that wait for the store's word are not counted: it comes soon, or the store fails.
TEST_F(WaitingRoomTest, LetsNoMoreWaitThanMayWhenTheStoreHasRefusedThem) {
  Make({Delaying(ExactLimit("e", 10, 1), 300ms, 2)});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Stats().waiting.value(), 5U);
  for (int i = 0; i < 5; ++i) Grant(0, 100'000);
  EXPECT_THAT(TakeRefused(), ElementsAre(2, 3, 4));
  EXPECT_EQ(Stats().waiting.value(), 2U);
  TakeQuestions();
  Advance(100ms);
  EXPECT_EQ(Come(), Way::kRefused) << "two are waiting still, one of them for the store";
  Grant(1);
  Advance(20ms);
  EXPECT_EQ(Stats().waiting.value(), 1U);
}

TEST_F(WaitingRoomTest, WhoHasToAskTheStoreMayComeThoughNobodyMoreMayBeDelayed) {
  Make({PerClient(Delaying(ExactLimit("e", 10, 1), 300ms, 1))});
  EXPECT_EQ(Come(Client(1, "10.0.0.1")), Way::kWaits);
  Grant(0, 100'000);
  EXPECT_EQ(Come(Client(2, "10.0.0.2")), Way::kWaits);
  Grant(1);
  EXPECT_THAT(TakePassed(), ElementsAre(1));
}

TEST_F(WaitingRoomTest, GivesBackWhatWasTakenBeforeTheStoreRefused) {
  Make({TokenLimit("l", 1, 1), ConcurrencyLimit("c", 1), ExactLimit("e", 10, 1)});
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Come(), Way::kRefused);
  EXPECT_DOUBLE_EQ(Used(0), 1.0);
  EXPECT_DOUBLE_EQ(Used(1), 1.0);
  Grant(0, 5'000);
  EXPECT_THAT(TakeRefused(), ElementsAre(0));
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
}

TEST_F(WaitingRoomTest, WhoTakesThePlaceOfOneThatWasHeldHasStillToPassItsBuckets) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s), Delaying(ExactLimit("e", 10, 1), 10s)});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Come(), Way::kWaits);
    Grant(1);
  }
  Advance(1s);
  EXPECT_THAT(TakePassed(), ElementsAre(0, 1));
  EXPECT_EQ(Come(), Way::kWaits);
  TakeQuestions();
  Grant(0, 100'000);
  Advance(100ms);
  EXPECT_THAT(TakePassed(), IsEmpty());
  EXPECT_THAT(TakeQuestions(), SizeIs(1));
  Grant(1);
  EXPECT_THAT(TakePassed(), ElementsAre(2));
}

TEST_F(WaitingRoomTest, AStoreThatCannotBeAskedIsMetAtOnceAndTheCallerHearsFirst) {
  Make({Failing(ExactLimit("e", 10, 1), StoreFailure::kOpen)});
  LoseStore();
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_THAT(TakePassed(), IsEmpty());
  Advance(0us);
  EXPECT_THAT(TakePassed(), ElementsAre(0));
  EXPECT_EQ(Come(), Way::kAtOnce);
}

TEST_F(WaitingRoomTest, AllWhoWaitAreAnsweredWhenTheStoreIsLost) {
  Make({ConcurrencyLimit("c", 150), Failing(ExactLimit("e", 10, 1), StoreFailure::kOpen),
        Failing(ExactLimit("f", 10, 1), StoreFailure::kClosed)});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Come(), Way::kWaits);
  for (int i = 0; i < 50; ++i) Grant(1);
  EXPECT_THAT(TakePassed(), IsEmpty()) << "they wait for the other limit";
  EXPECT_EQ(Stats(1).waiting.value(), 100U);
  LoseStore();
  Advance(1ms);
  EXPECT_THAT(TakeRefused(), SizeIs(100));
  EXPECT_THAT(TakePassed(), IsEmpty());
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  EXPECT_EQ(Stats(1).waiting.value() + Stats(2).waiting.value(), 0U);
  EXPECT_FALSE(held_->is_used());
}

TEST_F(WaitingRoomTest, CountsARequestWhereItWaitsAndHoldsItToTheBoundsOfThatLimit) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s, 1), ExactLimit("e", 10, 5)});
  EXPECT_EQ(Come(), Way::kWaits);
  Grant(1);
  EXPECT_THAT(TakePassed(), ElementsAre(0));
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Come(), Way::kWaits);
  EXPECT_EQ(Stats(0).waiting.value(), 0U);
  EXPECT_EQ(Stats(1).waiting.value(), 2U);
  Grant(1);
  EXPECT_EQ(Stats(0).waiting.value(), 1U) << "the store has admitted it, and it is to be delayed";
  EXPECT_EQ(Stats(1).waiting.value(), 1U);
  Grant(1);
  EXPECT_THAT(TakeRefused(), ElementsAre(2)) << "one waits already";
  EXPECT_EQ(refusal_.rule, &Rule(0));
  Advance(100ms);
  EXPECT_THAT(TakePassed(), ElementsAre(1));
  EXPECT_EQ(Stats(0).delayed.value(), 1U);
  EXPECT_EQ(Stats(0).waiting.value() + Stats(1).waiting.value(), 0U);
  Advance(100ms);
  EXPECT_EQ(Come(), Way::kWaits) << "the token of the refused one is there again";
  Grant(1);
  EXPECT_THAT(TakePassed(), ElementsAre(3));
}

}  // namespace
}  // namespace ringproxy::proxy
