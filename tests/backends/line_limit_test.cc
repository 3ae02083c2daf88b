#include "backends/line_limit.h"

#include <gtest/gtest.h>

#include "tests/support/log_capture.h"

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

TEST(LineLimit, WritesABurstThenOneAnIntervalWithTheNumberLeftOut) {
  LineLimit limit(1s, 3);
  net::TimePoint now{100s};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.Take(now), 0U);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(limit.Take(now), std::nullopt);
  EXPECT_EQ(limit.Take(now + 999ms), std::nullopt);
  EXPECT_EQ(limit.Take(now + 1s), 8U);
  EXPECT_EQ(limit.Take(now + 1s), std::nullopt);
  EXPECT_EQ(limit.Take(now + 2s), 1U);
}

TEST(LineLimit, AQuietTimeGivesTheBurstBackAndNoMore) {
  LineLimit limit(1s, 2);
  net::TimePoint now{100s};
  while (limit.Take(now)) {
  }
  now += 1h;
  EXPECT_EQ(limit.Take(now), 1U);
  EXPECT_EQ(limit.Take(now), 0U);
  EXPECT_EQ(limit.Take(now), std::nullopt);
}

TEST(LineLimit, OfOneLineASecondHasNoBurst) {
  LineLimit limit(1s, 1);
  net::TimePoint now{};
  EXPECT_EQ(limit.Take(now), 0U);
  for (int i = 1; i < 100; ++i) EXPECT_EQ(limit.Take(now + i * 10ms), std::nullopt);
  EXPECT_EQ(limit.Take(now + 1s), 99U);
}

class LineLimitsOfAll : public testing::Test {
 protected:
  // What others have left out is not this test's.
  LineLimitsOfAll() {
    LineLimit::SayAllLeftOut();
    log_.Take();
  }
  void Flood(LineLimit& limit, int lines) {
    for (int i = 1; i <= lines; ++i) limit.Log(now_, spdlog::level::warn, "line {}", i);
  }

  test::LogCapture log_{"%l %v"};
  net::TimePoint now_{100s};
};

TEST_F(LineLimitsOfAll, SayHowManyWereLeftOutThoughNoMoreCome) {
  LineLimit limit(1s, 2);
  LineLimit other(1s, 2);
  Flood(limit, 9);
  Flood(other, 2);
  EXPECT_EQ(log_.Take(), "warning line 1\nwarning line 2\nwarning line 1\nwarning line 2\n");
  LineLimit::SayLeftOut(now_ + 999ms);
  EXPECT_EQ(log_.Take(), "");  // A line of the kind may come yet.
  LineLimit::SayLeftOut(now_ + 1s);
  EXPECT_EQ(log_.Take(), "warning 7 more lines like this were left out: line 2\n");
  LineLimit::SayLeftOut(now_ + 1h);
  EXPECT_EQ(log_.Take(), "");
}

TEST_F(LineLimitsOfAll, CountWhatTheySayAsALineOfItsKind) {
  LineLimit limit(1s, 2);
  Flood(limit, 3);
  now_ += 1s;
  LineLimit::SayLeftOut(now_);
  log_.Take();
  Flood(limit, 1);
  EXPECT_EQ(log_.Take(), "");
}

TEST_F(LineLimitsOfAll, SayNothingOfWhatTheNextLineHasSaid) {
  LineLimit limit(1s, 2);
  Flood(limit, 5);
  now_ += 1s;
  log_.Take();
  Flood(limit, 1);
  EXPECT_EQ(log_.Take(), "warning line 1 (3 more lines like this were left out)\n");
  LineLimit::SayLeftOut(now_ + 1h);
  LineLimit::SayAllLeftOut();
  EXPECT_EQ(log_.Take(), "");
}

TEST_F(LineLimitsOfAll, SayAllOfItAtTheEndAndForgetThoseThatAreGone) {
  LineLimit limit(1s, 2);
  Flood(limit, 3);
  {
    LineLimit gone(1s, 2);
    Flood(gone, 3);
  }
  log_.Take();
  LineLimit::SayAllLeftOut();
  EXPECT_EQ(log_.Take(), "warning 1 more line like this was left out: line 2\n");
}

TEST_F(LineLimitsOfAll, ShowNoMoreThanTheBeginningOfALongLine) {
  LineLimit limit(1s, 1);
  const std::string text(10'000, 'x');
  for (int i = 0; i < 2; ++i) limit.Log(now_, spdlog::level::info, "{}", text);
  log_.Take();
  LineLimit::SayAllLeftOut();
  EXPECT_EQ(log_.Take(), "info 1 more line like this was left out: " + text.substr(0, 200) + "\n");
}

}  // namespace
}  // namespace ringproxy::backends
