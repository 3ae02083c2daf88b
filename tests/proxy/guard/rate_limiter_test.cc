// Limits of connections and of the process: what RateLimiter admits, gives back and counts.
#include "proxy/guard/rate_limiter.h"

#include <gmock/gmock.h>

#include "tests/proxy/guard/limiter_fixture.h"

namespace ringproxy::proxy {
namespace {

using conf::LimitAction;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class RateLimiterTest : public LimiterFixture {
 protected:
  static conf::Limit OfKey(std::string prefix, conf::Limit limit) {
    limit.match.prefix = {std::move(prefix)};
    return limit;
  }
};

TEST_F(RateLimiterTest, AdmitsTheBurstAndThenTheRate) {
  Make({TokenLimit("a", 10, 3)});
  EXPECT_EQ(Admitted(5, "get x"), 3);
  EXPECT_EQ(decision_.limit->name, "a");
  EXPECT_EQ(decision_.retry_after, 100ms);
  Advance(100ms);
  EXPECT_EQ(Admitted(5, "get x"), 1);
  EXPECT_EQ(Stats().admitted.value(), 4U);
  EXPECT_EQ(Stats().refused.value(), 6U);
  EXPECT_EQ(Last().kind, Ticket::Kind::kSession) << "nothing to follow";
}

TEST_F(RateLimiterTest, ALimitOfAnotherRequestIsNotAsked) {
  Make({OfKey("cart:", TokenLimit("a", 1, 1))});
  EXPECT_EQ(Admitted(5, "get x"), 5);
  EXPECT_EQ(Admitted(5, "get cart:1"), 1);
  EXPECT_EQ(Stats().admitted.value(), 1U);
}

TEST_F(RateLimiterTest, ARefusalChargesNoneOfTheOthersInWhateverOrderTheyStand) {
  for (const auto& [first, second] : {std::pair{3, 1}, {1, 3}}) {
    Make(
        {TokenLimit("first", 1, static_cast<uint64_t>(first)), TokenLimit("second", 1, static_cast<uint64_t>(second))});
    EXPECT_EQ(Admitted(10, "get x"), 1);
    EXPECT_DOUBLE_EQ(Used(0), 1.0 / first);
    EXPECT_DOUBLE_EQ(Used(1), 1.0 / second);
    EXPECT_EQ(decision_.limit->name, first == 1 ? "first" : "second");
    EXPECT_EQ(Stats(0).admitted.value(), 1U);
    EXPECT_EQ(Stats(1).admitted.value(), 1U);
    EXPECT_EQ(Stats(0).refused.value() + Stats(1).refused.value(), 9U);
  }
}

TEST_F(RateLimiterTest, ARequestWithManyBucketsOfOneLimitIsOneRequest) {
  conf::Limit limit = TokenLimit("a", 1, 1);
  limit.per = {"key"};
  Make({limit});
  EXPECT_EQ(Admit("mget x y z"), Verdict::kAdmitted);
  EXPECT_EQ(Stats().admitted.value(), 1U);
  EXPECT_EQ(Admit("mget u v z"), Verdict::kRefused);
  EXPECT_EQ(Admit("mget u v"), Verdict::kAdmitted) << "the refusal has charged neither";
  EXPECT_EQ(Stats().refused.value(), 1U);
}

TEST_F(RateLimiterTest, AShadowCountsAndNeitherRefusesNorDelays) {
  conf::Limit shadow = TokenLimit("shadow", 1, 2);
  shadow.action = LimitAction::kShadow;
  Make({shadow, TokenLimit("real", 1, 4)});
  EXPECT_EQ(Admitted(6, "get x"), 4);
  EXPECT_EQ(Stats(0).admitted.value(), 2U);
  EXPECT_EQ(Stats(0).shadow_refused.value(), 2U) << "the other two were refused by another limit";
  EXPECT_EQ(Stats(0).refused.value(), 0U);
  EXPECT_EQ(Stats(1).refused.value(), 2U);
  EXPECT_THAT(TakeEvents().admitted, IsEmpty());
}

TEST_F(RateLimiterTest, CountsWhatRunsUntilItsReply) {
  Make({ConcurrencyLimit("a", 2)});
  EXPECT_EQ(Admitted(4, "get x"), 2);
  EXPECT_EQ(decision_.retry_after, 0us);
  EXPECT_EQ(tickets_[0].kind, Ticket::Kind::kLimit);
  Reply(0);
  EXPECT_EQ(Admitted(4, "get x"), 1);
  const Ticket large = tickets_[1];
  limiter_->OnReply(large, backends::Reply(io_.blocks.Copy("$-1\r\n")));
  EXPECT_EQ(Admitted(4, "get x"), 1);
  limiter_->OnFailure(Last(), {.code = wire::ErrorCode::kTimeout, .pool = {}, .node = {}});
  EXPECT_EQ(Admitted(4, "get x"), 1);
  limiter_->Abandon(Last());
  EXPECT_EQ(Admitted(4, "get x"), 1);
  EXPECT_EQ(TakeEvents(), (Events{.admitted = {}, .refused = {}, .replied = {0, 1}, .failed = {8}}));
}

TEST_F(RateLimiterTest, APlaceOfARefusedRequestIsFreeAgain) {
  Make({ConcurrencyLimit("a", 1), TokenLimit("b", 1, 1)});
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
  Reply(0);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  Advance(1s);
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
}

TEST_F(RateLimiterTest, AShadowOfConcurrencyGivesBackOnlyWhatItTook) {
  conf::Limit shadow = ConcurrencyLimit("a", 1);
  shadow.action = LimitAction::kShadow;
  Make({shadow});
  EXPECT_EQ(Admitted(3, "get x"), 3);
  EXPECT_EQ(Stats().shadow_refused.value(), 2U);
  for (const uint32_t number : {2U, 1U}) Reply(number);
  EXPECT_DOUBLE_EQ(Used(0), 1.0) << "those had no place of it";
  Reply(0);
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
}

TEST_F(RateLimiterTest, WhoIsDelayedTakesAPlaceWhenItGoes) {
  Make({Delaying(TokenLimit("a", 10, 1), 10s), ConcurrencyLimit("b", 1)});
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
  EXPECT_EQ(Admit("get x"), Verdict::kRefused) << "no place, so it need not wait";
  Reply(0);
  EXPECT_EQ(Admit("get x"), Verdict::kWaits);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
  Advance(100ms);
  EXPECT_THAT(TakeEvents().admitted, ElementsAre(2));
  EXPECT_DOUBLE_EQ(Used(1), 1.0);
  EXPECT_EQ(tickets_[2].kind, Ticket::Kind::kLimit);
  limiter_->Abandon(tickets_[2]);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
}

TEST_F(RateLimiterTest, ChargesBytesOfTheReplyAfterwards) {
  conf::Limit limit = TokenLimit("a", 10, 10);
  limit.bytes_per_token = 100;
  Make({limit});
  EXPECT_EQ(Admit("get x"), Verdict::kAdmitted);
  Reply(0, std::string(1'500, 'x'));
  EXPECT_DOUBLE_EQ(Used(0), 1.6);
  EXPECT_EQ(Admit("get x"), Verdict::kRefused);
  EXPECT_EQ(decision_.retry_after, 700ms);
  EXPECT_THAT(TakeEvents().replied, ElementsAre(0));
}

TEST_F(RateLimiterTest, FollowsManyRequestsAtATime) {
  Make({ConcurrencyLimit("a", 1'000), ConcurrencyLimit("b", 2'000)});
  EXPECT_EQ(Admitted(1'500, "get x"), 1'000);
  for (uint32_t number = 0; number < 1'000; number += 2) Reply(number);
  EXPECT_EQ(Admitted(600, "get x"), 500);
  for (uint32_t number = 1; number < 1'000; number += 2) Reply(number);
  for (const auto& [number, ticket] : tickets_) {
    if (number >= 1'500) Reply(number);
  }
  EXPECT_DOUBLE_EQ(Used(0), 0.0);
  EXPECT_DOUBLE_EQ(Used(1), 0.0);
  EXPECT_EQ(events_.replied.size(), 1'500U);
}

TEST_F(RateLimiterTest, CountsThoseAdmittedNearTheLimitAndNoneThatIsRefused) {
  Make({TokenLimit("a", 1, 10), TokenLimit("b", 1, 9)});
  EXPECT_EQ(Admitted(20, "get x"), 9);
  EXPECT_EQ(Stats(0).near_limit.value(), 2U);
  EXPECT_EQ(Stats(1).near_limit.value(), 2U);
}

}  // namespace
}  // namespace ringproxy::proxy
