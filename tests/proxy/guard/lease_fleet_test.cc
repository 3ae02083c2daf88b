// A whole fleet in simulation: what it admits at most, whatever goes wrong, and how near it comes to the limit.
#include "tests/support/lease_fleet.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>

#include "tests/support/limit_references.h"

namespace ringproxy::test {
namespace {

FleetOptions Options(uint64_t rate, FleetSize size, uint64_t seed = 1) {
  FleetOptions options;
  options.policy.terms = {.rate = {rate}, .burst = std::max<uint64_t>(1, rate / 10)};
  options.size = size;
  options.seed = seed;
  return options;
}

std::vector<Arrival> ArrivalsFor(const FleetOptions& options, const std::vector<LoadPhase>& phases) {
  return MakeArrivals(static_cast<double>(options.policy.terms.rate.amount), options.size, phases, options.seed);
}

constexpr FleetSize kFour{.proxies = 4, .workers = 2};
constexpr FleetSize kThirtyTwo{.proxies = 32, .workers = 1};

class LeaseFleet : public testing::TestWithParam<std::tuple<uint64_t, uint32_t, double>> {
 protected:
  FleetSize size() const { return std::get<1>(GetParam()) == 4 ? kFour : kThirtyTwo; }
  FleetOptions options() const { return Options(std::get<0>(GetParam()), size()); }
  double zipf() const { return std::get<2>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(RatesAndSizes, LeaseFleet,
                         testing::Combine(testing::Values(1'000, 50'000), testing::Values(4, 32),
                                          testing::Values(0.0, 1.0)));

TEST_P(LeaseFleet, AdmitsTheLimitAndHardlyMoreWhenThreeTimesAsMuchIsOffered) {
  const auto rate = static_cast<double>(options().policy.terms.rate.amount);
  const auto arrivals = ArrivalsFor(options(), {{.seconds = 4, .offered = 3, .zipf = zipf()}});
  const FleetResult result = RunFleet(options(), arrivals);
  EXPECT_LE(result.meter.most_beyond_in_a_second(), 0.02 * rate);
  const auto ideal = static_cast<double>(IdealAdmissions(options().policy.terms, arrivals));
  EXPECT_GE(static_cast<double>(result.meter.admitted()), (size().proxies == 4 ? 0.98 : 0.97) * ideal);
  if (rate > 10'000) {
    EXPECT_LE(result.store_calls, result.offered / 50);
  }
}

TEST_P(LeaseFleet, RefusesNearlyNothingBelowTheLimitAndAsksTheStoreSeldom) {
  const auto rate = static_cast<double>(options().policy.terms.rate.amount);
  const FleetResult result =
      RunFleet(options(), ArrivalsFor(options(), {{.seconds = 4, .offered = 0.95, .zipf = zipf()}}));
  EXPECT_GE(static_cast<double>(result.meter.admitted()), 0.99 * static_cast<double>(result.offered));
  EXPECT_EQ(result.meter.most_beyond(), 0);
  if (rate > 10'000) {
    EXPECT_LE(result.store_calls, result.offered / 50);
  }
}

TEST_P(LeaseFleet, AdmitsBeyondTheBoundOnlyWhatItHoldsAndOwesWhenLoadSurgesAndMoves) {
  const auto arrivals = ArrivalsFor(options(), {{.seconds = 1, .offered = 0.9, .zipf = zipf()},
                                                {.seconds = 1, .offered = 3, .zipf = zipf(), .rotate = 2},
                                                {.seconds = 1, .offered = 0.01, .zipf = zipf()},
                                                {.seconds = 1, .offered = 3, .zipf = zipf(), .rotate = 3}});
  const FleetResult result = RunFleet(options(), arrivals);
  EXPECT_LE(result.meter.most_beyond(),
            static_cast<double>(result.most_held) + MostCredit(options().policy.terms, size().lessees()));
}

TEST_P(LeaseFleet, IsCloserThanCountersSharedEveryTenthOfASecondAndWastesLessThanAStaticSplit) {
  const auto busy = ArrivalsFor(options(), {{.seconds = 3, .offered = 3, .zipf = zipf()}});
  EXPECT_LT(RunFleet(options(), busy).meter.most_beyond(),
            RunSharedCounters(options().policy.terms, size(), busy).meter.most_beyond());
  const auto uneven = ArrivalsFor(options(), {{.seconds = 3, .offered = 0.95, .zipf = 1}});
  EXPECT_GT(RunFleet(options(), uneven).meter.admitted(),
            RunStaticSplit(options().policy.terms, size(), uneven).meter.admitted());
}

TEST_P(LeaseFleet, FallsBackToItsShareAndComesBackWithoutABurstWhenTheStoreIsRestarted) {
  FleetOptions outage = options();
  outage.local_share = true;
  outage.faults = {.outage_from = 1, .outage_to = 2, .loses_data = true};
  const FleetResult result = RunFleet(outage, ArrivalsFor(outage, {{.seconds = 4, .offered = 3, .zipf = zipf()}}));
  // Each lessee's share has a burst of its own, at least one token.
  const double burst = std::max<double>(outage.size.lessees(), static_cast<double>(outage.policy.terms.burst));
  EXPECT_LE(result.meter.most_beyond(),
            burst + static_cast<double>(result.most_held) + MostCredit(outage.policy.terms, outage.size.lessees()));
  EXPECT_LE(result.meter.most_beyond_in_a_second(), 0.02 * static_cast<double>(outage.policy.terms.rate.amount));
  if (zipf() == 0) {
    EXPECT_LE(result.noticed_us, 100'000);
  }
}

// Loss, lateness, repetition and crashes in any mixture: traps of every protocol that hands out something of value.
TEST(LeaseFleetFaults, NeverAdmitMoreThanTheDocumentedBound) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto upto = [&random](double most) { return static_cast<double>(random() >> 11) * 0x1p-53 * most; };
    const auto rate = static_cast<uint64_t>(std::pow(10, 0.5 + upto(3.5)));
    FleetOptions options =
        Options(rate, {static_cast<uint32_t>(1 + random() % 16), static_cast<uint32_t>(1 + random() % 4)}, seed);
    options.policy.terms.burst = 1 + random() % rate;
    options.faults = {.lost_request = upto(0.1),
                      .lost_reply = upto(0.1),
                      .late_reply = upto(0.1),
                      .doubled_reply = upto(0.3),
                      .outage_from = upto(3),
                      .crash_every = upto(1)};
    options.faults.outage_to = options.faults.outage_from + upto(1);
    std::vector<LoadPhase> phases;
    for (int i = 0; i < 4; ++i) {
      phases.push_back({.seconds = upto(1.5), .offered = upto(4), .zipf = upto(1.5), .rotate = uint32_t(random() % 8)});
    }
    const FleetResult result = RunFleet(options, ArrivalsFor(options, phases));
    const double credit = MostCredit(options.policy.terms, options.size.lessees());
    // What a crashed lessee owed is never paid. One token for what is rounded.
    const double lost = credit / options.size.lessees() * static_cast<double>(result.crashes);
    EXPECT_LE(result.meter.most_beyond(), static_cast<double>(result.most_held) + credit + lost + 1) << "seed " << seed;
  }
}

TEST(LeaseFleetFaults, CostTheirShareOfTheRateAndNoMore) {
  FleetOptions options = Options(1'000, kFour);
  options.faults = {
      .lost_request = 0.01, .lost_reply = 0.01, .late_reply = 0.01, .doubled_reply = 0.05, .crash_every = 0.5};
  const auto arrivals = ArrivalsFor(options, {{.seconds = 10, .offered = 3}});
  const FleetResult result = RunFleet(options, arrivals);
  EXPECT_GT(result.failures, 10U);
  EXPECT_GE(static_cast<double>(result.meter.admitted()),
            0.95 * static_cast<double>(IdealAdmissions(options.policy.terms, arrivals)));
}

// Here every lessee decides by credit alone, and all of them owe at the same time.
TEST(LeaseFleetFaults, OfASlowLimitStillAdmitTheRateInTheLongRun) {
  FleetOptions options = Options(1, kThirtyTwo);
  options.policy.terms.burst = 1;
  const FleetResult result = RunFleet(options, ArrivalsFor(options, {{.seconds = 600, .offered = 50}}));
  EXPECT_LE(result.meter.admitted(), 600U + 1 + 32);
  EXPECT_LE(result.meter.most_beyond(), static_cast<double>(result.most_held) + 32);
}

}  // namespace
}  // namespace ringproxy::test
