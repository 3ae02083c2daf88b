#include "tools/ringskew/forecast.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>

#include "ring/skew.h"

namespace ringproxy::ringskew {
namespace {

// 50,000 keys of a request each and one hot key, over three nodes.
class ForecastTest : public testing::Test {
 protected:
  ForecastTest() {
    for (int i = 0; i < 50'000; ++i) Add("key:" + std::to_string(i), 1);
    Add(hot_.key, hot_.requests);
  }
  void Add(const std::string& key, double requests) {
    const std::array<uint64_t, 1> hash = {base_.hasher(key)};
    const std::array<double, 1> weight = {requests};
    map_.Add(hash, weight);
    loads_[base_.Owner(hash[0])] += requests;
  }
  static double Sum(const std::vector<double>& loads) { return std::accumulate(loads.begin(), loads.end(), 0.0); }

  Topology base_ = MakeTopology(*PoolOfNodes("a,b,c"));
  LoadMap map_;
  std::vector<double> loads_ = std::vector<double>(3);
  HotLoad hot_{"hot", 10'000};
};

TEST_F(ForecastTest, TakesCachedKeysFromTheirNodesAndSpreadsCopies) {
  const Forecast forecast(base_, loads_, {hot_}, &map_);
  const ring::NodeIndex owner = base_.Owner(base_.hasher("hot"));
  std::vector<double> expected = loads_;
  expected[owner] -= 10'000;
  EXPECT_EQ(forecast.WithoutHottest(1), expected);
  EXPECT_EQ(forecast.WithoutHottest(0), loads_);
  EXPECT_DOUBLE_EQ(forecast.hot_requests_on(owner), 10'000);
  for (const char* copy : {"hot#1", "hot#2"}) expected[base_.Owner(base_.hasher(copy))] += 5'000;
  EXPECT_EQ(forecast.WithCopies(1, 2), expected);
}

TEST_F(ForecastTest, MovesNothingWhereNothingChanges) {
  const auto outcome = Forecast(base_, loads_, {hot_}, &map_).On(base_.pool);
  for (size_t i = 0; i < loads_.size(); ++i) EXPECT_NEAR(outcome.loads[i], loads_[i], 1e-6);
  EXPECT_EQ(outcome.moved, 0);
}

// Of a running proxy there is no map: what a node has lies evenly over its arcs.
TEST_F(ForecastTest, KnowsWithoutAMapWhatANewNodeTakes) {
  conf::Pool pool = base_.pool;
  pool.nodes.push_back({.name = "d", .address = {}});
  const auto exact = Forecast(base_, loads_, {hot_}, &map_).On(pool);
  const Forecast without(base_, loads_, {hot_}, nullptr);
  const auto guessed = without.On(pool);
  ASSERT_EQ(guessed.loads.size(), 4U);
  EXPECT_NEAR(Sum(guessed.loads), Sum(loads_), 1e-3);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(guessed.loads[i] / exact.loads[i], 1, 0.03) << i;
  EXPECT_NEAR(guessed.moved, exact.moved, 0.01);
  EXPECT_LT(without.RestDeviation(0.3), 0);
}

TEST_F(ForecastTest, KnowsHowFarChanceScattersTheRest) {
  const double deviation = Forecast(base_, loads_, {hot_}, &map_).RestDeviation(1.0 / 3);
  EXPECT_NEAR(deviation, std::sqrt(50'000.0 * 2 / 9), 1);
}

TEST_F(ForecastTest, SpreadsAllByTheRingWhereAnotherHashTellsNothing) {
  conf::Pool pool = base_.pool;
  pool.ring.hash = ring::HashAlgorithm::kMd5;
  const auto outcome = Forecast(base_, loads_, {}, &map_).On(pool);
  const std::vector<double> shares = ring::RingShares(*MakeTopology(pool).ring);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(outcome.loads[i], shares[i] * 60'000, 1e-3);
  EXPECT_NEAR(outcome.moved, 2.0 / 3, 0.05);
}

}  // namespace
}  // namespace ringproxy::ringskew
