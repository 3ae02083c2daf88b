#include "backends/health/heavy_work.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class HeavyWorkTest : public testing::Test {
 protected:
  HeavyWorkTest() { loop_.Advance(1h); }

  test::FakeLoop loop_;
  NodeStats stats_;
  BusyNotice notice_;
  HeavyWork heavy_{loop_, stats_, notice_};
};

TEST_F(HeavyWorkTest, WasNeverUnderWayBeforeTheFirst) {
  EXPECT_FALSE(heavy_.is_under_way());
  EXPECT_TRUE(heavy_.IsOverSince(net::TimePoint{}));
  EXPECT_TRUE(heavy_.IsOverSince(loop_.now()));
}

TEST_F(HeavyWorkTest, IsUnderWayUntilTheLastOfThemIsOver) {
  heavy_.OnSent();
  heavy_.OnSent();
  EXPECT_EQ(stats_.heavy_in_flight.value(), 2U);
  heavy_.OnOver();
  EXPECT_TRUE(heavy_.is_under_way());
  EXPECT_FALSE(heavy_.IsOverSince(loop_.now())) << "another one is under way";
  heavy_.OnOver();
  EXPECT_FALSE(heavy_.is_under_way());
  EXPECT_EQ(stats_.heavy_in_flight.value(), 0U);
}

TEST_F(HeavyWorkTest, ExcusesWhateverWasSentBeforeItWasOver) {
  const net::TimePoint before = loop_.now();
  heavy_.OnSent();
  loop_.Advance(1s);
  const net::TimePoint during = loop_.now();
  EXPECT_FALSE(heavy_.IsOverSince(during));
  loop_.Advance(1s);
  heavy_.OnOver();
  const net::TimePoint end = loop_.now();
  loop_.Advance(1h);
  EXPECT_FALSE(heavy_.IsOverSince(before));
  EXPECT_FALSE(heavy_.IsOverSince(during));
  EXPECT_TRUE(heavy_.IsOverSince(end));
}

}  // namespace
}  // namespace ringproxy::backends
