// Limits of the fleet that lease tokens: what RateLimiter asks the store, and what holds while it fails.
#include <gmock/gmock.h>

#include "tests/proxy/guard/limiter_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::LimitAction;
using conf::StoreFailure;
using testing::ElementsAre;
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

}  // namespace
}  // namespace ringproxy::proxy
