#include "backends/health/outcome_window.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class OutcomeWindowTest : public testing::Test {
 protected:
  OutcomeWindowTest() { window_.MoveTo(now_); }
  void Wait(net::Duration time) { window_.MoveTo(now_ += time); }

  OutcomeWindow window_{10s};
  net::TimePoint now_{1000s};
};

TEST_F(OutcomeWindowTest, TellsFailuresFromTimeoutsAndCountsEachAsARequest) {
  window_.AddGood();
  window_.AddGood();
  window_.AddFailure();
  for (int i = 0; i < 3; ++i) window_.AddTimeout();
  EXPECT_EQ(window_.sums().requests, 6U);
  EXPECT_EQ(window_.sums().failures, 1U);
  EXPECT_EQ(window_.sums().timeouts, 3U);
}

TEST_F(OutcomeWindowTest, ForgetsEachTenthByItself) {
  window_.AddFailure();
  Wait(1s);
  window_.AddTimeout();
  Wait(8'999ms);
  EXPECT_EQ(window_.sums().requests, 2U);
  Wait(1ms);
  EXPECT_EQ(window_.sums().requests, 1U);
  EXPECT_EQ(window_.sums().failures, 0U);
  Wait(1s);
  EXPECT_EQ(window_.sums().requests, 0U);
  EXPECT_EQ(window_.sums().timeouts, 0U);
}

TEST_F(OutcomeWindowTest, IsEmptyAfterAPauseOfAnyLength) {
  for (const net::Duration pause : {10s, 11s, 1'000'000s}) {
    for (int i = 0; i < 20; ++i) {
      window_.AddFailure();
      Wait(500ms);
    }
    Wait(pause);
    EXPECT_EQ(window_.sums().requests, 0U) << pause.count();
  }
}

TEST_F(OutcomeWindowTest, CountsOnInTheSameTenthWhenItWasCleared) {
  for (int i = 0; i < 5; ++i) window_.AddFailure();
  window_.Clear();
  EXPECT_EQ(window_.sums().requests, 0U);
  window_.AddFailure();
  Wait(9'999ms);
  EXPECT_EQ(window_.sums().failures, 1U);
  Wait(1ms);
  EXPECT_EQ(window_.sums().failures, 0U);
}

}  // namespace
}  // namespace ringproxy::backends
