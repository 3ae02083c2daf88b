// Limits of the fleet that ask the store for each request: who waits for it, and for how long.
#include <gmock/gmock.h>

#include "tests/proxy/guard/limiter_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::LimitAction;
using conf::StoreFailure;
using testing::ElementsAre;
using testing::SizeIs;
using namespace std::chrono_literals;

class RateLimiterExactTest : public LimiterFixture {};

TEST_F(RateLimiterExactTest, AnExactLimitAsksForEachRequest) {
  Make({ExactLimit("e", 10, 5)});
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  EXPECT_EQ(Admit("get y", Client(2)), Verdict::kWaits);
  const auto questions = TakeQuestions();
  ASSERT_THAT(questions, SizeIs(2));
  EXPECT_EQ(questions[0][3], "ringproxy:{e:}");
  EXPECT_EQ(Want(questions[0]), 1U);
  Grant(1);
  EXPECT_THAT(TakeEvents().admitted, ElementsAre(0));
  Grant(0, 5'000);
  EXPECT_THAT(TakeEvents().refused, ElementsAre(1));
  EXPECT_EQ(decision_.retry_after, 5ms);
  EXPECT_EQ(Stats().admitted.value(), 1U);
  EXPECT_EQ(Stats().refused.value(), 1U);
  EXPECT_EQ(Stats().delayed.value(), 0U) << "it waited for the store, not for the limit";
  EXPECT_EQ(Stats().waiting.value(), 0U);
}

TEST_F(RateLimiterExactTest, AShadowIsNeverAskedExactly) {
  conf::Limit limit = ExactLimit("e", 10, 1);
  limit.action = LimitAction::kShadow;
  Make({limit});
  EmptyLease();
  EXPECT_EQ(Admitted(5, "get x"), 5);
  EXPECT_EQ(Stats().shadow_refused.value(), 5U);
  EXPECT_EQ(Stats().admitted.value(), 1U);
}

TEST_F(RateLimiterExactTest, WhoAskedExactlyGoesByTheFallbackWhenTheStoreIsSilent) {
  for (const auto& [on_failure, verdict] :
       {std::pair{StoreFailure::kOpen, Verdict::kAdmitted}, {StoreFailure::kClosed, Verdict::kRefused}}) {
    Make({Failing(ExactLimit("e", 10, 1), on_failure)});
    TakeEvents();
    EXPECT_EQ(Admit("get x"), Verdict::kWaits);
    const uint32_t number = next_ - 1;
    Advance(19ms);
    EXPECT_EQ(TakeEvents(), Events{});
    Advance(1ms);
    const Events events = TakeEvents();
    EXPECT_THAT(verdict == Verdict::kAdmitted ? events.admitted : events.refused, ElementsAre(number));
    EXPECT_EQ(Stats().store_timeouts.value(), 1U);
    EXPECT_EQ(Admit("get x"), verdict) << "at once";
    TakeQuestions();
    Grant(1);
    EXPECT_EQ(TakeEvents(), Events{}) << "the late reply is nobody's";
  }
}

TEST_F(RateLimiterExactTest, ALateReplyIsNotTakenForThatOfTheNextQuestion) {
  Make({Failing(ExactLimit("e", 10, 1), StoreFailure::kOpen)});
  Admit("get x");
  Advance(80ms);
  EXPECT_THAT(TakeEvents().admitted, ElementsAre(0));
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  Grant(0, 5'000);
  EXPECT_EQ(TakeEvents(), Events{});
  Grant(1);
  EXPECT_THAT(TakeEvents().admitted, ElementsAre(1));
  EXPECT_EQ(Stats().store_granted.value(), 1U);
  EXPECT_EQ(Stats().store_refused.value(), 0U);
}

TEST_F(RateLimiterExactTest, OneRequestTriesTheStoreWhileItFailsAndNoneElseWaits) {
  Make({Failing(ExactLimit("e", 10, 1), StoreFailure::kOpen)});
  Admit("get x");
  Advance(20ms);
  TakeQuestions();
  EXPECT_EQ(Admitted(10, "get x"), 10);
  Advance(50ms);
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  EXPECT_EQ(Admitted(10, "get x"), 10);
  EXPECT_THAT(TakeQuestions(), SizeIs(1));
  Advance(20ms);
  EXPECT_EQ(Admitted(10, "get x"), 10);
  Advance(50ms);
  TakeEvents();
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  EXPECT_EQ(TakeQuestions().at(0).at(11), "1") << "after an outage";
  Grant(0);
  Grant(0);
  Grant(1);
  EXPECT_THAT(TakeEvents().admitted, ElementsAre(next_ - 1));
  EXPECT_EQ(Admitted(3, "get x"), 0) << "the store is asked again";
}

}  // namespace
}  // namespace ringproxy::proxy
