// Limits of the fleet that lease tokens: what RateLimiter asks the store, and what holds while it fails.
#include <gmock/gmock.h>

#include "tests/proxy/guard/limiter_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::LimitAction;
using conf::StoreFailure;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using namespace std::chrono_literals;

class RateLimiterStoreTest : public LimiterFixture {};

TEST_F(RateLimiterStoreTest, AsksForALeaseAheadAndLetsNobodyWait) {
  conf::Limit limit = GlobalLimit("g", 1'000, 100);
  limit.per = {"client_ip"};
  Make({limit});
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(questions[0][0], "EVALSHA");
  EXPECT_EQ(questions[0][3], "ringproxy:{g:10.0.0.7}");
  EXPECT_EQ(Debt(questions[0]), 1U);
  Grant(0);  // It was asked for nothing but what is owed.
  EXPECT_EQ(Stats().store_granted.value(), 1U);
  EXPECT_EQ(Stats().store_refused.value(), 0U);
  EXPECT_EQ(Admit("get x", Client(2, "10.0.0.8")), Verdict::kAdmitted);
  EXPECT_EQ(TakeQuestions().at(0)[3], "ringproxy:{g:10.0.0.8}");
  EXPECT_EQ(Last().kind, Ticket::Kind::kSession);
}

TEST_F(RateLimiterStoreTest, RefusesByTheLeaseWithoutAskingAgain) {
  Make({GlobalLimit("g", 10, 1)});
  EmptyLease();
  EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  EXPECT_GT(decision_.retry_after, 0us);
  EXPECT_THAT(TakeQuestions(), SizeIs(1));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  Grant(0, 90'000, 1000);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  EXPECT_THAT(TakeQuestions(), IsEmpty());
  EXPECT_EQ(Stats().refused.value(), 21U);
}

// The first look has seen the refusal already; without a question the lease would stay empty until it gives credit.
TEST_F(RateLimiterStoreTest, AnEmptyLeaseAsksTheStoreAlsoWhenOtherLimitsAreMetToo) {
  Make({TokenLimit("l", 1'000, 100), GlobalLimit("g", 10, 1)});
  EmptyLease();
  EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_GE(Want(questions[0]), 1U);
  EXPECT_EQ(Debt(questions[0]), 0U);
  Grant(1);
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
}

TEST_F(RateLimiterStoreTest, ADelayedRequestWaitsForTheLease) {
  Make({Delaying(GlobalLimit("g", 10, 1), 500ms)});
  EmptyLease();
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  EXPECT_EQ(Stats().waiting.value(), 1U);
  Grant(1);
  Advance(100ms);
  EXPECT_THAT(TakeEvents().admitted, ElementsAre(1));
  EXPECT_EQ(Stats().waiting.value(), 0U);
  EXPECT_EQ(Stats().admitted.value(), 2U);
  EXPECT_EQ(Stats().delayed.value(), 1U);
}

TEST_F(RateLimiterStoreTest, ADelayEndsInARefusalWhenTheLeaseGetsNothingInTime) {
  Make({Delaying(GlobalLimit("g", 10, 1), 500ms)});
  EmptyLease();
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  Grant(0, 600'000, 1000);
  EXPECT_EQ(TakeEvents(), Events{});
  Advance(10ms);
  EXPECT_EQ(TakeEvents(), (Events{.admitted = {}, .refused = {1}, .replied = {}, .failed = {}}));
  EXPECT_EQ(Stats().waiting.value(), 0U);
  EXPECT_EQ(Stats().refused.value(), 1U);
  EXPECT_EQ(Stats().delayed.value(), 0U);
}

TEST_F(RateLimiterStoreTest, GivesBackTokensOfALeaseWhenAnotherLimitRefuses) {
  Make({GlobalLimit("g", 1'000, 100), ExactLimit("e", 10, 1)});
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  ASSERT_THAT(TakeQuestions(), SizeIs(2));
  Grant(5, 0, 10);
  EXPECT_EQ(limiter_->View(*snapshot_)->at(0).tokens, 5U);
  Grant(0, 100'000, 1000);
  EXPECT_THAT(TakeEvents().refused, ElementsAre(0));
  EXPECT_EQ(Stats(0).admitted.value(), 0U);
  EXPECT_EQ(limiter_->View(*snapshot_)->at(0).tokens, 6U) << "that of the refused request is paid already";
}

TEST_F(RateLimiterStoreTest, OthersShareALeaseWhenThereIsNoRoomForTheirOwn) {
  conf::Limit limit = GlobalLimit("g", 1, 1);
  limit.per = {"key"};
  limit.buckets = 2;
  Make({limit});
  for (const char* key : {"get a", "get b", "get c", "get d"}) Admit(key);
  std::vector<std::string> keys;
  for (const Words& question : TakeQuestions()) keys.push_back(question[3]);
  EXPECT_THAT(keys, ElementsAre("ringproxy:{g:a}", "ringproxy:{g:b}", "ringproxy:{g:(others)}"));
  EXPECT_EQ(Stats().refused.value(), 1U) << "two of the others are one too many";
}

TEST_F(RateLimiterStoreTest, ChargesBytesOfRepliesToTheLease) {
  conf::Limit limit = GlobalLimit("g", 1'000, 100);
  limit.bytes_per_token = 100;
  Make({limit});
  Admit("get x");
  Grant(0, 0, 10);
  TakeQuestions();
  Reply(0, std::string(5'000, 'x'));
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(Debt(questions[0]), 50U);
}

TEST_F(RateLimiterStoreTest, GoesByItsShareOfTheLimitWhileTheStoreFails) {
  for (const auto& [proxies, expected] : {std::pair{1U, 100}, {4U, 25}}) {
    Make({GlobalLimit("g", 100, 10)});
    shared_->SetProxies(proxies);
    LoseStore();
    int admitted = 0;
    for (int i = 0; i < 1'000; ++i) {
      admitted += Admit("get x") == Verdict::kAdmitted ? 1 : 0;
      Advance(1ms);
    }
    EXPECT_NEAR(admitted, expected, 3) << "the bucket begins empty";
    EXPECT_EQ(Stats().failing_leases.value(), 0U);
    limiter_->Tick(*held_);
    EXPECT_EQ(Stats().failing_leases.value(), 1U);
    EXPECT_EQ(Stats().fallback_ms.value(), 1'000U);
  }
}

TEST_F(RateLimiterStoreTest, OpenAdmitsAllAndClosedNobodyWhileTheStoreFails) {
  Make({Failing(GlobalLimit("g", 10, 1), StoreFailure::kOpen)});
  LoseStore();
  EXPECT_EQ(Admitted(50, "get x"), 50);
  Make({Failing(GlobalLimit("g", 10, 1), StoreFailure::kClosed)});
  LoseStore();
  Admit("get x");
  EXPECT_EQ(Admitted(50, "get x"), 0);
  EXPECT_EQ(decision_.retry_after, 50ms);
}

TEST_F(RateLimiterStoreTest, GivesBackToTheFallback) {
  Make({GlobalLimit("g", 1, 2), Failing(GlobalLimit("h", 1, 1), StoreFailure::kClosed)});
  shared_->SetProxies(2);
  LoseStore();
  Admit("get x");
  Advance(10s);
  Admit("get x");  // The bucket is known from here on.
  const double used = Used(0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  EXPECT_DOUBLE_EQ(Used(0), used);
  EXPECT_EQ(Stats(1).refused.value(), 21U);
}

TEST_F(RateLimiterStoreTest, ARequestThatIsAskedAboutOftenCountsOnce) {
  conf::Limit shadow = TokenLimit("s", 1, 1);
  shadow.action = LimitAction::kShadow;
  Make({shadow, TokenLimit("l", 1, 2), Failing(Delaying(GlobalLimit("g", 10, 1), 400ms), StoreFailure::kClosed)});
  LoseStore();
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  Advance(1s);
  EXPECT_THAT(TakeEvents().refused, ElementsAre(1));
  EXPECT_EQ(Stats(0).shadow_refused.value(), 0U);
  EXPECT_EQ(Stats(1).near_limit.value(), 0U);
  EXPECT_EQ(Stats(1).admitted.value(), 1U);
  EXPECT_EQ(Stats(2).refused.value(), 1U);
}

TEST_F(RateLimiterStoreTest, ALeaseThatNobodyUsesDoesNotFailForEver) {
  Make({GlobalLimit("g", 10, 1), ExactLimit("e", 10, 1)});
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  Grant(0, 0, 1000);
  Grant(1);
  EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  LoseStore();
  limiter_->Tick(*held_);
  EXPECT_EQ(Stats(0).failing_leases.value(), 1U);
  const uint64_t fallback_ms = Stats(0).fallback_ms.value();
  for (int i = 0; i < 5; ++i) {
    Advance(1s);
    limiter_->Tick(*held_);
  }
  EXPECT_EQ(Stats(0).failing_leases.value(), 0U);
  EXPECT_LE(Stats(0).fallback_ms.value(), fallback_ms + 2'000);
  EXPECT_FALSE(limiter_->View(*snapshot_)->at(0).is_failing);
}

TEST_F(RateLimiterStoreTest, OneOfTheWorkersTellsThatTheProcessLivesAndLearnsHowManyDo) {
  Make({GlobalLimit("g", 10, 1)});
  limiter_->Tick(*held_);
  Flush();
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(1));
  EXPECT_EQ(questions[0][3], "ringproxy:{members}");
  EXPECT_EQ(questions[0][4], shared_->process_id());
  Answer(":5\r\n");
  EXPECT_EQ(shared_->proxies(), 5U);
  limiter_->Tick(*held_);
  Flush();
  Answer(":2\r\n");
  EXPECT_EQ(shared_->proxies(), 5U) << "a store that has lost its data hears of all of them within two ticks";
  for (const char* answer : {"-ERR no\r\n", "$-1\r\n", ":0\r\n", ":0\r\n"}) {
    limiter_->Tick(*held_);
    Flush();
    Answer(answer);
  }
  EXPECT_EQ(shared_->proxies(), 1U) << "at least this one";
  TakeQuestions();
  RateLimiter other(Parts());
  other.Tick(*held_);
  Flush();
  EXPECT_THAT(TakeQuestions(), IsEmpty());
}

TEST_F(RateLimiterStoreTest, ShowsItsLeases) {
  conf::Limit limit = GlobalLimit("g", 1'000, 100);
  limit.per = {"client_ip"};
  Make({TokenLimit("l", 1'000, 100), limit});
  Admit("get x");
  Grant(7, 0, 300);
  const auto view = limiter_->View(*snapshot_);
  ASSERT_THAT(*view, SizeIs(1));
  EXPECT_EQ(view->at(0).limit, Rule(1).conf->name);
  EXPECT_EQ(view->at(0).value, "10.0.0.7");
  EXPECT_EQ(view->at(0).tokens, 7U);
  EXPECT_EQ(view->at(0).used_thousandths, 300U);
  EXPECT_FALSE(view->at(0).is_failing);
}

}  // namespace
}  // namespace ringproxy::proxy
