#include "backends/health/silence_watch.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"
#include "tests/support/health_fixture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class SilenceWatchTest : public testing::Test {
 protected:
  SilenceWatchTest() { settings_.check_timeout = 500ms; }

  size_t Asked() const { return health_.observer.news.size(); }

  test::FakeLoop loop_;
  WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  NodeSettings settings_;
  NodeStats stats_;
  test::Health health_{1};
  BusyNotice notice_;
  HeavyWork heavy_{loop_, stats_, notice_};
  NodeBreaker breaker_{io_, settings_.breaker, stats_, health_.observer, health_.records[0], [] {}, [] {}};
  SilenceWatch watch_{loop_, settings_, heavy_, breaker_};
};

TEST_F(SilenceWatchTest, AsksForACheckOnceNothingHasComeForAsLongAsOneMayTake) {
  const net::TimePoint since = loop_.now();
  EXPECT_EQ(watch_.Look(since), since + 500ms);
  EXPECT_EQ(Asked(), 0U);
  loop_.Advance(400ms);
  watch_.OnHeard();
  EXPECT_TRUE(watch_.HeardSince(since));
  EXPECT_EQ(watch_.Look(since), loop_.now() + 500ms);
  loop_.Advance(500ms);
  EXPECT_EQ(watch_.Look(since), loop_.now() + 500ms);
  ASSERT_EQ(Asked(), 1U);
  EXPECT_TRUE(health_.observer.news[0].is_silent);
}

TEST_F(SilenceWatchTest, CountsNoSilenceWhileACheckIsAwaitedOrSomethingHeavyIsUnderWay) {
  EXPECT_TRUE(watch_.MayCount());
  heavy_.OnSent();
  EXPECT_FALSE(watch_.MayCount());
  heavy_.OnOver();
  EXPECT_TRUE(watch_.MayCount());
  loop_.Advance(500ms);
  watch_.Look({});
  EXPECT_FALSE(watch_.MayCount());
  watch_.OnChecked(true);
  EXPECT_TRUE(watch_.MayCount());
  watch_.Look({});
  loop_.Advance(500ms);
  watch_.Look({});
  loop_.Advance(6s);
  EXPECT_TRUE(watch_.MayCount());  // The process may have forgotten.
}

TEST_F(SilenceWatchTest, HoldsTimeAgainstANodeOnlyOnceACheckHasFailedOrWhereNobodyChecks) {
  watch_.OnGivenUp();
  EXPECT_TRUE(breaker_.is_closed());
  watch_.OnChecked(false);
  watch_.OnGivenUp();
  EXPECT_EQ(breaker_.state(), NodeBreaker::BreakerState::kOpen);
  watch_.OnChecked(true);
  EXPECT_FALSE(watch_.MayJudgeByTime());
  settings_.check_timeout = {};
  EXPECT_TRUE(watch_.MayJudgeByTime());
}

TEST(HeavyWork, ExcusesWhatWasSentBeforeItWasOver) {
  test::FakeLoop loop;
  NodeStats stats;
  BusyNotice notice;
  HeavyWork heavy(loop, stats, notice);
  const net::TimePoint before = loop.now();
  EXPECT_TRUE(heavy.IsOverSince(before));
  heavy.OnSent();
  EXPECT_TRUE(heavy.is_under_way());
  loop.Advance(1s);
  heavy.OnOver();
  EXPECT_FALSE(heavy.IsOverSince(before));
  EXPECT_TRUE(heavy.IsOverSince(loop.now()));
}

}  // namespace
}  // namespace ringproxy::backends
