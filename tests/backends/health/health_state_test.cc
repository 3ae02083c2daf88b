#include "backends/health/health_state.h"

#include <gtest/gtest.h>

#include <random>

namespace ringproxy::backends {
namespace {

using net::Duration;
using CheckedState = HealthState::CheckedState;
using namespace std::chrono_literals;

conf::Health Options() {
  conf::Health options;
  options.rise = 2;
  options.fall = 3;
  return options;  // 1 s, fast 200 ms, down 5 s.
}

// Drawn from the middle: no jitter.
Duration Wait(const HealthState& health) {
  return health.Wait(0.5);
}

TEST(HealthState, KnowsNothingAtFirstAndBelievesTheFirstCheck) {
  const conf::Health options = Options();
  HealthState good(options);
  EXPECT_EQ(good.state(), CheckedState::kUnknown);
  EXPECT_TRUE(good.OnCheck(true));
  EXPECT_EQ(good.state(), CheckedState::kUp);
  HealthState bad(options);
  EXPECT_TRUE(bad.OnCheck(false));
  EXPECT_EQ(bad.state(), CheckedState::kDown);
}

TEST(HealthState, GoesDownAfterExactlyFallFailuresInARow) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(true);
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_FALSE(health.OnCheck(true));  // The row is broken.
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_EQ(health.state(), CheckedState::kUp);
  EXPECT_TRUE(health.OnCheck(false));
  EXPECT_EQ(health.state(), CheckedState::kDown);
}

TEST(HealthState, ComesUpAfterExactlyRiseSuccessesInARow) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(false);
  EXPECT_FALSE(health.OnCheck(true));
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_FALSE(health.OnCheck(true));
  EXPECT_EQ(health.state(), CheckedState::kDown);
  EXPECT_TRUE(health.OnCheck(true));
  EXPECT_EQ(health.state(), CheckedState::kUp);
}

TEST(HealthState, SaysAChangeOnce) {
  const conf::Health options = Options();
  HealthState health(options);
  EXPECT_TRUE(health.OnCheck(true));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(health.OnCheck(true));
}

TEST(HealthState, ChecksFastWhileTheLastChecksDisagreeWithTheState) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(true);
  EXPECT_EQ(Wait(health), 1s);
  health.OnCheck(false);
  EXPECT_EQ(Wait(health), 200ms);
  health.OnCheck(true);
  EXPECT_EQ(Wait(health), 1s);
  for (int i = 0; i < 3; ++i) health.OnCheck(false);
  EXPECT_EQ(Wait(health), 1s);
  health.OnCheck(true);
  EXPECT_EQ(Wait(health), 200ms);
  health.OnCheck(true);
  EXPECT_EQ(Wait(health), 1s);
}

TEST(HealthState, NeverChecksSlowerForBeingFast) {
  conf::Health options = Options();
  options.interval = 100ms;
  HealthState health(options);
  health.OnCheck(true);
  health.OnCheck(false);
  EXPECT_EQ(Wait(health), 100ms);
}

TEST(HealthState, AsksANodeThatStaysDownEverLessOften) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(true);
  for (int i = 0; i < 3; ++i) health.OnCheck(false);
  for (const Duration wait : {1'000'000us, 1'500'000us, 2'250'000us, 3'375'000us, 5'000'000us, 5'000'000us}) {
    EXPECT_EQ(Wait(health), wait);
    health.OnCheck(false);
  }
  // A good check that is not followed by another begins anew.
  health.OnCheck(true);
  health.OnCheck(false);
  EXPECT_EQ(Wait(health), 1s);
}

TEST(HealthState, KeepsTheUsualIntervalWhenTheOneForDownIsNotLonger) {
  conf::Health options = Options();
  options.down_interval = 500ms;
  HealthState health(options);
  for (int i = 0; i < 20; ++i) health.OnCheck(false);
  EXPECT_EQ(Wait(health), 1s);
}

TEST(HealthState, SpreadsChecksByTenPercent) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(true);
  EXPECT_EQ(health.Wait(0), 900ms);
  EXPECT_EQ(health.Wait(0.75), 1050ms);
  EXPECT_LT(health.Wait(0.999999), 1100ms);
}

// Against a model that looks back over the whole history.
TEST(HealthState, AgreesWithAHistoryOfChecks) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    conf::Health options = Options();
    options.rise = 1 + random() % 4;
    options.fall = 1 + random() % 4;
    HealthState health(options);
    CheckedState expected = CheckedState::kUnknown;
    uint32_t row = 0;
    bool last = false;
    bool good = false;
    for (int i = 0; i < 300; ++i) {
      if (random() % 3 == 0) good = !good;
      row = i > 0 && good == last ? row + 1 : 1;
      last = good;
      const CheckedState says = good ? CheckedState::kUp : CheckedState::kDown;
      const uint32_t needed = expected == CheckedState::kUnknown ? 1 : good ? options.rise : options.fall;
      const bool changes = says != expected && row >= needed;
      if (changes) expected = says;
      ASSERT_EQ(health.OnCheck(good), changes);
      ASSERT_EQ(health.state(), expected);
      const Duration wait = Wait(health);
      ASSERT_GE(wait, 200ms);
      ASSERT_LE(wait, 5s);
    }
  }
}

TEST(HealthState, IsDownAtOnceByASilenceAndUpWithTheFirstAnswer) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(true);
  EXPECT_TRUE(health.OnSilence());
  EXPECT_EQ(health.state(), CheckedState::kDown);
  EXPECT_EQ(Wait(health), 200ms);
  EXPECT_FALSE(health.OnSilence());
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_EQ(Wait(health), 1s) << "it stays down";
  EXPECT_TRUE(health.OnCheck(true));
  EXPECT_EQ(health.state(), CheckedState::kUp);
  // From then on the usual rules.
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_FALSE(health.OnCheck(false));
  EXPECT_TRUE(health.OnCheck(false));
  EXPECT_FALSE(health.OnCheck(true));
  EXPECT_TRUE(health.OnCheck(true));
}

TEST(HealthState, KeepsToItsRowsWhenANodeThatIsDownByThemIsSilent) {
  const conf::Health options = Options();
  HealthState health(options);
  health.OnCheck(false);
  EXPECT_FALSE(health.OnSilence());
  EXPECT_FALSE(health.OnCheck(true));
  EXPECT_TRUE(health.OnCheck(true));
}

}  // namespace
}  // namespace ringproxy::backends
