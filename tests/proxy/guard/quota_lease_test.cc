#include "proxy/guard/quota_lease.h"

#include <gtest/gtest.h>

#include "tests/support/lease_store.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kLessees = 4;
constexpr double kMiddle = 0.5;  // Of the jitter: none.

LeasePolicy Policy(uint64_t amount, uint64_t burst) {
  return {.terms = {.rate = {amount}, .burst = burst}, .lease = {}};
}

// A lease, and a hand on the clock.
struct Fixture {
  explicit Fixture(LeasePolicy given) : policy(given) {}

  QuotaLease::Answer Take(uint64_t cost = 1) { return lease.Take(policy, now, cost, kLessees); }
  std::optional<LeaseRequest> Ask() { return lease.Ask(policy, now, kLessees, kMiddle); }
  void Reply(const LeaseReply& reply) { lease.OnReply(policy, now, reply, kMiddle); }
  // Takes one token every `pause`, and the store grants all that is asked for.
  void Warm(net::Duration pause, int requests) {
    for (int i = 0; i < requests; ++i, now += pause) {
      Take();
      if (const auto request = Ask()) Reply({.granted = request->want});
    }
  }

  LeasePolicy policy;
  QuotaLease lease;
  net::TimePoint now{1h};
};

TEST(QuotaLease, AdmitsTheFirstRequestsOnCreditAndPaysAtOnce) {
  Fixture f(Policy(1'000, 20));  // Of the rate, 1,000/s · 20 ms / 4 lessees = 5; of the burst as many.
  EXPECT_TRUE(f.Take().admitted);
  const auto request = f.Ask();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->debt, 1U);
  EXPECT_EQ(request->want, 0U);  // One request says nothing about demand.
  EXPECT_EQ(request->lessees, kLessees);
  EXPECT_FALSE(request->after_outage);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(f.Take().admitted);
  const QuotaLease::Answer refused = f.Take();
  EXPECT_FALSE(refused.admitted);
  EXPECT_GT(refused.retry_after, 0us);
  EXPECT_FALSE(f.Ask());  // One question under way at a time.
  EXPECT_EQ(f.lease.debt(), 5U);
  f.now += 1ms;
  f.Reply({.used_thousandths = 10});
  EXPECT_EQ(f.lease.debt(), 4U);
  EXPECT_EQ(f.Ask()->debt, 4U);
}

// A client that sends its requests in one go, far below the limit.
TEST(QuotaLease, AdmitsABatchAtOnceUpToTheLesseesShareOfWhatTheBucketHas) {
  Fixture f(Policy(100, 80));  // The burst, for 4 lessees: 20 each.
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(f.Take().admitted) << i;
  EXPECT_FALSE(f.lease.Peek(f.policy, f.now, 1, kLessees).admitted);
  auto request = f.Ask();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->debt, 20U);
  f.Reply({.granted = request->want, .used_thousandths = 500});  // 40 are left: 10 each.
  const uint64_t held = f.lease.tokens(f.now);
  for (uint64_t i = 0; i < held + 1; ++i) EXPECT_TRUE(f.Take().admitted) << i;
  EXPECT_FALSE(f.lease.Peek(f.policy, f.now, 1, kLessees).admitted) << "others may have to pay yet";
  f.now += 20ms;
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(f.Take().admitted) << i;
  EXPECT_FALSE(f.lease.Peek(f.policy, f.now, 1, kLessees).admitted);
}

TEST(QuotaLease, GivesOneOnCreditHoweverSlowTheLimitAndNoMoreBeforeItIsThereAgain) {
  Fixture f(Policy(1, 1));
  EXPECT_TRUE(f.Take().admitted);
  EXPECT_FALSE(f.Take().admitted);
  ASSERT_TRUE(f.Ask());
  f.now += 1ms;
  f.Reply({.granted = 0, .retry_after = 1s, .used_thousandths = 1000});
  f.now += 999ms;
  EXPECT_FALSE(f.Take().admitted);
  EXPECT_EQ(f.Take().retry_after, 1'001us);  // No less than a round trip.
  f.now += 1ms;
  EXPECT_TRUE(f.Take().admitted);
}

TEST(QuotaLease, WaitsWithCreditUntilAllLesseesMightTakeTheirs) {
  Fixture f(Policy(10, 10));
  EXPECT_TRUE(f.Take().admitted);
  ASSERT_TRUE(f.Ask());
  f.Reply({.used_thousandths = 800});  // 2 of 10 are left; 4 lessees might owe 4 after 200 ms.
  EXPECT_FALSE(f.Take().admitted);
  f.now += 200ms;
  EXPECT_TRUE(f.Take().admitted);
}

TEST(QuotaLease, FetchesAheadOnceThereIsDemandAndAgainBeforeTheBatchIsSpent) {
  Fixture f(Policy(10'000, 1'000));
  f.Warm(1ms, 200);
  const uint64_t before = f.lease.tokens(f.now);
  EXPECT_GT(before, 0U);
  for (int questions = 0; questions < 3; f.now += 1ms) {
    ASSERT_GT(f.lease.tokens(f.now), 0U);
    EXPECT_TRUE(f.Take().admitted);
    if (const auto request = f.Ask()) {
      ++questions;
      EXPECT_GT(request->want, 10U);
      EXPECT_LE(request->want, 50U);  // Not more than the demand of the horizon.
      f.Reply({.granted = request->want});
    }
  }
}

TEST(QuotaLease, HoldsNoMoreThanTheRateOfItsHorizonHoweverMuchIsAskedOfIt) {
  Fixture f(Policy(1'000, 100));
  f.Warm(10us, 5'000);
  EXPECT_LE(f.lease.tokens(f.now), 50U);
}

TEST(QuotaLease, ForgetsTokensAfterTheirTtl) {
  Fixture f(Policy(10'000, 1'000));
  f.Warm(1ms, 200);
  EXPECT_GT(f.lease.tokens(f.now), 0U);
  EXPECT_FALSE(f.lease.idle(f.now));
  f.now += 201ms;
  EXPECT_EQ(f.lease.tokens(f.now), 0U);
  EXPECT_TRUE(f.lease.idle(f.now));
}

TEST(QuotaLease, FetchesNothingAheadForAKeyOfFewRequests) {
  Fixture f(Policy(1'000, 100));
  for (int i = 0; i < 20; ++i, f.now += 100ms) {
    EXPECT_TRUE(f.Take().admitted);
    const auto request = f.Ask();
    ASSERT_TRUE(request);
    EXPECT_EQ(request->want, 0U);
    EXPECT_EQ(request->debt, 1U);
    f.Reply({});
  }
}

TEST(QuotaLease, DoesNotAskAgainBeforeTheTimeThatTheStoreNames) {
  Fixture f(Policy(10'000, 1'000));
  f.Warm(1ms, 200);
  while (!f.Ask()) f.Take();
  f.Reply({.granted = 0, .retry_after = 40ms, .used_thousandths = 1000});
  while (f.lease.tokens(f.now) > 0) f.Take();
  EXPECT_EQ(f.Take().retry_after, 40ms);
  f.now += 39ms;
  EXPECT_FALSE(f.Take().admitted);
  EXPECT_FALSE(f.Ask());
  f.now += 1ms;
  f.Take();
  EXPECT_TRUE(f.Ask());
}

TEST(QuotaLease, AsksAnEmptyStoreOnceInASpanAndSpreadByChance) {
  for (const double random : {0.0, 0.999}) {
    Fixture f(Policy(10'000, 1'000));
    f.Warm(1ms, 200);
    while (!f.Ask()) f.Take();
    f.lease.OnReply(f.policy, f.now, {.granted = 1, .used_thousandths = 1000}, random);
    // 64 tokens · 4 lessees / 10,000/s = 25.6 ms, and a quarter less or more.
    f.now += random == 0 ? 20ms : 31ms;
    while (f.Take().admitted) continue;
    EXPECT_EQ(f.Ask().has_value(), random == 0);
    f.now += 1ms;
    EXPECT_EQ(f.Ask().has_value(), random != 0);
  }
}

TEST(QuotaLease, AsksForAsMuchAsTheRefusedRequestCosts) {
  Fixture f(Policy(100, 40));
  const QuotaLease::Answer refused = f.Take(20);  // More than a share of the burst.
  EXPECT_FALSE(refused.admitted);
  const auto request = f.Ask();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->least, 20U);
  EXPECT_GE(request->want, 20U);
  f.Reply({.granted = 20});
  EXPECT_TRUE(f.Take(20).admitted);
  EXPECT_EQ(f.lease.tokens(f.now), 0U);
}

TEST(QuotaLease, AdmitsARequestThatCostsAShareOfTheBurstOnCredit) {
  Fixture f(Policy(100, 40));
  EXPECT_TRUE(f.Take(10).admitted);
  EXPECT_FALSE(f.Take(10).admitted);
  EXPECT_EQ(f.Ask()->debt, 10U);
}

TEST(QuotaLease, SaysThatNoWaitHelpsWhenARequestCostsMoreThanTheBurst) {
  Fixture f(Policy(100, 40));
  EXPECT_LT(f.Take(41).retry_after, 0us);
  EXPECT_FALSE(f.Ask());
}

TEST(QuotaLease, PeeksWithoutChangingAnything) {
  Fixture f(Policy(1, 1));
  EXPECT_TRUE(f.lease.Peek(f.policy, f.now, 1, kLessees).admitted);
  EXPECT_TRUE(f.lease.Peek(f.policy, f.now, 1, kLessees).admitted);
  EXPECT_TRUE(f.Take().admitted);
  EXPECT_FALSE(f.lease.Peek(f.policy, f.now, 1, kLessees).admitted);
}

TEST(QuotaLease, TakesBackWhatAnotherLimitRefused) {
  Fixture f(Policy(1'000, 100));
  EXPECT_TRUE(f.Take().admitted);
  f.lease.GiveBack(1);
  EXPECT_EQ(f.lease.debt(), 0U);
  EXPECT_FALSE(f.Ask());
  f.Warm(1ms, 200);
  const uint64_t before = f.lease.tokens(f.now);
  EXPECT_TRUE(f.Take().admitted);
  f.lease.GiveBack(1);
  EXPECT_EQ(f.lease.tokens(f.now), before);
}

TEST(QuotaLease, PaysWithTheNextQuestionWhatWasUsedAlready) {
  Fixture f(Policy(1'000, 100));
  f.lease.Charge(f.policy, f.now, 300);
  EXPECT_FALSE(f.Take().admitted);
  EXPECT_EQ(f.Ask()->debt, 300U);
  f.lease.Charge(f.policy, f.now, 1ULL << 40);
  f.Reply({.retry_after = 200ms, .used_thousandths = 3000});
  EXPECT_EQ(f.lease.debt(), 1'100U);  // The burst and a second.
}

TEST(QuotaLease, KeepsItsDebtAndProbesTheStoreWhileItFails) {
  Fixture f(Policy(1'000, 100));
  EXPECT_TRUE(f.Take().admitted);
  ASSERT_TRUE(f.Ask());
  f.now += 20ms;
  f.lease.OnFailure(f.now);
  const net::TimePoint since = f.now;
  EXPECT_EQ(f.lease.failing_since(), since);
  EXPECT_FALSE(f.Take().admitted);
  EXPECT_FALSE(f.Ask());
  f.now += 30ms;  // 50 ms after the last question.
  EXPECT_FALSE(f.Take().admitted);
  const auto probe = f.Ask();
  ASSERT_TRUE(probe);
  EXPECT_TRUE(probe->after_outage);
  EXPECT_EQ(probe->debt, 1U);
  f.now += 20ms;
  f.lease.OnFailure(f.now);
  EXPECT_EQ(f.lease.failing_since(), since);
  f.now += 30ms;
  f.Take();
  ASSERT_TRUE(f.Ask());
  f.Reply({.granted = 1});
  EXPECT_EQ(f.lease.failing_since(), std::nullopt);
  EXPECT_EQ(f.lease.debt(), 0U);
  EXPECT_TRUE(f.Take().admitted);
  f.now += 10ms;
  f.Take();
  EXPECT_FALSE(f.Ask()->after_outage);
}

TEST(QuotaLease, SpendsWhatItHoldsWhenTheStoreBeginsToFail) {
  Fixture f(Policy(10'000, 1'000));
  f.Warm(200us, 1'000);
  for (; !f.Ask(); f.now += 200us) f.Take();
  f.lease.OnFailure(f.now);
  EXPECT_GT(f.lease.tokens(f.now), 0U);
  EXPECT_TRUE(f.Take().admitted);
}

TEST(QuotaLease, IsIdleOnlyWhenNothingIsLostByForgettingIt) {
  Fixture f(Policy(1, 1));
  EXPECT_TRUE(f.lease.idle(f.now));
  f.Take();
  EXPECT_FALSE(f.lease.idle(f.now));  // In debt.
  ASSERT_TRUE(f.Ask());
  EXPECT_FALSE(f.lease.idle(f.now));  // Asking.
  f.Reply({.used_thousandths = 1000});
  EXPECT_FALSE(f.lease.idle(f.now));  // A new one would give credit.
  f.now += 1s;
  EXPECT_TRUE(f.lease.idle(f.now));
  f.Take();
  ASSERT_TRUE(f.Ask());
  f.lease.OnFailure(f.now);
  EXPECT_FALSE(f.lease.idle(f.now));
  f.now += 2s;  // Nobody has asked for it since.
  EXPECT_TRUE(f.lease.idle(f.now));
}

}  // namespace
}  // namespace ringproxy::proxy
