#include "backends/health/connect_budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ringproxy::backends {
namespace {

using net::Duration;
using namespace std::chrono_literals;

class ConnectBudgetTest : public testing::Test {
 protected:
  bool Begins(ConnectBudget& budget, bool has_ready = false, ConnectNeed need = ConnectNeed::kUsual) {
    return budget.Wait(now_, has_ready, random_, need) == Duration(0);
  }

  std::mt19937_64 random_{1};
  net::TimePoint now_{1h};
};

TEST_F(ConnectBudgetTest, SpendsItsRateOnFailuresHoweverManyConnectionsThereAre) {
  for (const uint32_t connections : {1U, 8U, 32U}) {
    ConnectBudget budget({10}, connections, 1s);
    std::vector<net::TimePoint> begun;
    for (int ms = 0; ms < 10'000; ++ms, now_ += 1ms) {
      while (Begins(budget)) {
        begun.push_back(now_);
        budget.OnFailed();
      }
    }
    for (size_t i = 10; i < begun.size(); ++i) EXPECT_GE(begun[i] - begun[i - 10], 1s);
    EXPECT_GE(begun.size(), 80U) << connections;
  }
}

TEST_F(ConnectBudgetTest, LetsOneGoFirstAndTheOthersFollowItAtOnce) {
  ConnectBudget budget({10}, 32, 1s);
  EXPECT_TRUE(Begins(budget));
  for (int i = 0; i < 31; ++i) EXPECT_FALSE(Begins(budget)) << i;
  budget.OnReady(now_);
  for (int i = 0; i < 31; ++i) EXPECT_TRUE(Begins(budget)) << i;
}

// A node that is restarted refuses the first attempt at once, and takes the next one.
TEST_F(ConnectBudgetTest, LetsAnotherTrySoonAfterTheFirstHasFailed) {
  for (int round = 0; round < 100; ++round, now_ += 1h) {
    ConnectBudget budget({10}, 32, 10s);
    EXPECT_TRUE(Begins(budget));
    net::Duration next = 10s;
    for (int i = 0; i < 31; ++i) next = std::min(next, budget.Wait(now_, false, random_));
    EXPECT_GE(next, 125ms);
    EXPECT_LT(next, 1s);
    budget.OnFailed();
    now_ += next;
    EXPECT_TRUE(Begins(budget));
  }
}

TEST_F(ConnectBudgetTest, WaitsForTheFirstNoLongerThanItMayTake) {
  ConnectBudget budget({1, 1min}, 4, 1s);
  EXPECT_TRUE(Begins(budget));
  EXPECT_EQ(budget.Wait(now_, false, random_), Duration(1s));
}

TEST_F(ConnectBudgetTest, LetsFailuresStarveNobodyWhoWouldSucceed) {
  ConnectBudget budget({10}, 32, 1s);
  for (int ms = 0; ms < 4321; ++ms, now_ += 1ms) {
    while (Begins(budget)) budget.OnFailed();
  }
  const net::TimePoint back = now_;
  while (!Begins(budget)) now_ += 1ms;
  EXPECT_LT(now_ - back, 200ms);
  budget.OnReady(now_);
  for (int i = 0; i < 31; ++i) EXPECT_TRUE(Begins(budget)) << i;
}

TEST_F(ConnectBudgetTest, StopsThoseThatFollowWhenOneOfThemFails) {
  ConnectBudget budget({10}, 32, 1s);
  EXPECT_TRUE(Begins(budget));
  budget.OnReady(now_);
  EXPECT_TRUE(Begins(budget));
  budget.OnFailed();
  EXPECT_TRUE(Begins(budget));  // Goes first, and counts.
  EXPECT_FALSE(Begins(budget));
}

TEST_F(ConnectBudgetTest, TrustsASuccessNoLongerThanAnAttemptTakes) {
  ConnectBudget budget({10}, 32, 1s);
  EXPECT_TRUE(Begins(budget));
  budget.OnReady(now_);
  now_ += 1s;
  EXPECT_TRUE(Begins(budget));
  EXPECT_FALSE(Begins(budget));
}

TEST_F(ConnectBudgetTest, GoesOnWithoutTheAttemptOfWhichNothingIsHeard) {
  ConnectBudget budget({10}, 2, 1s);
  EXPECT_TRUE(Begins(budget));
  now_ += 999ms;
  EXPECT_FALSE(Begins(budget));
  now_ += 1ms;
  EXPECT_TRUE(Begins(budget));
  budget.OnGivenUp();
  EXPECT_TRUE(Begins(budget));
}

// A node that takes connections and closes them again.
TEST_F(ConnectBudgetTest, BoundsWhatANodeCanMakeItOpenInAnyWindow) {
  for (const uint32_t connections : {1U, 3U, 32U}) {
    for (const conf::Rate rate : {conf::Rate{10}, conf::Rate{1}, conf::Rate{30, 10s}}) {
      ConnectBudget budget(rate, connections, 700ms);
      std::vector<net::TimePoint> begun;
      for (int step = 0; step < 100'000; ++step, now_ += Duration(random_() % 1000)) {
        const bool asks = random_() % 4 == 0;
        if (asks && Begins(budget, random_() % 2 == 0, ConnectNeed(random_() % 3))) begun.push_back(now_);
        if (random_() % 8 == 0) budget.OnReady(now_);
        if (random_() % 16 == 0) budget.OnFailed();
        if (random_() % 16 == 0) budget.OnGivenUp();
      }
      const size_t most = rate.amount + connections - 1;
      ASSERT_GT(begun.size(), 0U);
      for (size_t i = most; i < begun.size(); ++i) EXPECT_GE(begun[i] - begun[i - most], rate.window);
    }
  }
}

TEST_F(ConnectBudgetTest, KeepsTheLastTokenForANodeWithoutAConnection) {
  for (const uint64_t rate : {3U, 5U, 10U, 100U}) {
    ConnectBudget budget({rate}, 8, 1s);
    for (int ms = 0; ms < 3000; ++ms, now_ += 1ms) {
      while (Begins(budget, true)) budget.OnFailed();
    }
    EXPECT_TRUE(Begins(budget)) << rate;
  }
}

TEST_F(ConnectBudgetTest, LetsOneForWhichAClientWaitsGoBeforeAllThatNobodyWaitsFor) {
  ConnectBudget budget({10}, 8, 1s);
  const auto use_up = [&] {
    while (Begins(budget, true, ConnectNeed::kSpare)) budget.OnReady(now_);
  };
  for (int i = 0; i < 100; ++i) {
    use_up();
    Duration waited(0);
    for (Duration wait; (wait = budget.Wait(now_, true, random_, ConnectNeed::kClient)) > Duration(0); waited += wait) {
      const net::TimePoint next = now_ + wait;
      for (; now_ < next; now_ += 1ms) EXPECT_FALSE(Begins(budget, true, ConnectNeed::kSpare));
      now_ = next;
    }
    budget.OnReady(now_);
    EXPECT_LE(waited, 126ms);  // One token comes in 125 ms.
  }
}

TEST_F(ConnectBudgetTest, WaitsForNoClientThatDoesNotAskAgain) {
  ConnectBudget budget({10}, 8, 1s);
  while (Begins(budget, true)) budget.OnFailed();
  EXPECT_FALSE(Begins(budget, true, ConnectNeed::kClient));
  now_ += 1s;
  EXPECT_TRUE(Begins(budget, true, ConnectNeed::kSpare));
}

TEST_F(ConnectBudgetTest, SpreadsThoseThatWaitForTheRate) {
  ConnectBudget budget({10}, 32, 1s);
  while (Begins(budget)) budget.OnFailed();
  std::vector<Duration> waits;
  for (int i = 0; i < 100; ++i) waits.push_back(budget.Wait(now_, false, random_));
  std::ranges::sort(waits);
  EXPECT_GT(waits.front(), 0ms);
  EXPECT_LE(waits.back(), 32 * 125ms);
  EXPECT_GT(waits.back() - waits.front(), 2s);
}

}  // namespace
}  // namespace ringproxy::backends
