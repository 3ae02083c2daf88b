#include "ring/bounded_load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <random>

#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

struct Spill {
  double spilled = 0;     // Share of the requests that did not go to their owner.
  double peak = 0;        // The greatest load met, in means.
  uint32_t attempts = 0;  // The most choices that one request looked at.
};

// A fixed number of requests under way, the oldest of which ends when one begins. Holds every choice to the bound.
template <typename NextHash>
Spill Run(const Ring& ring, const Nodes& nodes, double bound, uint32_t under_way, NextHash next_hash) {
  double weights = 0;
  for (const RingNode& node : nodes) weights += node.weight;
  BoundedLoad bounded(ring, nodes, bound);
  std::deque<NodeIndex> requests;
  Spill spill;
  for (uint32_t i = 0; i < kKeys; ++i) {
    if (requests.size() == under_way) {
      bounded.End(requests.front());
      requests.pop_front();
    }
    const BoundedLoad::Choice choice = bounded.Pick(next_hash());
    bounded.Begin(choice.node);
    requests.push_back(choice.node);
    const double fair = static_cast<double>(requests.size()) * nodes[choice.node].weight / weights;
    EXPECT_LE(bounded.load(choice.node), std::ceil(fair * bound - 1e-6));
    EXPECT_EQ(bounded.total(), requests.size());
    spill.spilled += choice.attempt > 0 ? 1.0 / kKeys : 0;
    spill.attempts = std::max(spill.attempts, choice.attempt + 1);
    if (requests.size() == under_way) spill.peak = std::max(spill.peak, bounded.load(choice.node) / fair);
  }
  return spill;
}

Spill RunUniform(const Ring& ring, const Nodes& nodes, double bound, uint32_t under_way) {
  std::mt19937_64 random(1);
  return Run(ring, nodes, bound, under_way, [&] { return random(); });
}

// Keys whose k-th has a chance in proportion to 1 / k^0.99, of 100,000: a few nodes get most of the requests.
Spill RunZipf(const Ring& ring, const Nodes& nodes, double bound, uint32_t under_way) {
  static const std::vector<double> kChances = [] {
    std::vector<double> chances;
    for (uint32_t rank = 1; rank <= kKeys; ++rank) chances.push_back(std::pow(rank, -0.99));
    return chances;
  }();
  std::discrete_distribution<uint32_t> rank(kChances.begin(), kChances.end());
  std::mt19937_64 random(1);
  return Run(ring, nodes, bound, under_way, [&] { return KeyHashes()[rank(random)]; });
}

TEST(BoundedLoad, GivesAKeyToItsOwnerWhileThatHasRoom) {
  const Nodes nodes = EqualNodes(4);
  const auto ring = MakeVnodeRing(nodes);
  BoundedLoad bounded(*ring, nodes, 1.25);
  for (const uint64_t hash : KeyHashes()) {
    const auto [node, attempt] = bounded.Pick(hash);
    ASSERT_EQ(node, ring->Pick(hash));
    ASSERT_EQ(attempt, 0U);
  }
}

TEST(BoundedLoad, GivesAKeyToTheNextChoicesInTurnWhenTheOnesBeforeAreFull) {
  const Nodes nodes = EqualNodes(4);
  const auto ring = MakeVnodeRing(nodes);
  BoundedLoad bounded(*ring, nodes, 1);
  const uint64_t hash = KeyHashes()[0];
  // At bound 1 nobody may have a second request before everybody has one.
  for (uint32_t request = 0; request < 12; ++request) {
    const auto [node, attempt] = bounded.Pick(hash);
    EXPECT_EQ(attempt, request % 4);
    EXPECT_EQ(node, ring->PickNth(hash, attempt));
    bounded.Begin(node);
  }
  // Whoever has ended one is the first with room again.
  bounded.End(ring->PickNth(hash, 2));
  EXPECT_EQ(bounded.Pick(hash).attempt, 2U);
}

TEST(BoundedLoad, LimitsEachNodeToItsWeightsShareTimesTheBoundRoundedUp) {
  const Nodes nodes = {{"a", 1}, {"b", 3}};
  const auto ring = MakeVnodeRing(nodes);
  BoundedLoad bounded(*ring, nodes, 1.1);
  EXPECT_EQ(bounded.Limit(0), 1U);  // 0.275
  EXPECT_EQ(bounded.Limit(1), 1U);  // 0.825
  for (int i = 0; i < 39; ++i) bounded.Begin(1);
  EXPECT_EQ(bounded.Limit(0), 11U);  // Exactly: in floating point it would be a little more, and 12.
  EXPECT_EQ(bounded.Limit(1), 33U);
  EXPECT_EQ(bounded.load(1), 39U);
  for (int i = 0; i < 39; ++i) bounded.End(1);
  EXPECT_EQ(bounded.total(), 0U);
}

TEST(BoundedLoad, HoldsTheBoundOnEveryRingUnderUniformAndSkewedKeys) {
  for (const Algorithm algorithm : {Algorithm::kVnode, Algorithm::kMaglev, Algorithm::kJump, Algorithm::kRendezvous,
                                    Algorithm::kModula, Algorithm::kSlots}) {
    const Nodes nodes = WithSlots(WeightedNodes());
    const auto ring = MakeRing({algorithm}, nodes);
    for (const double bound : {1.0, 1.25, 2.0}) {
      // 2,200 are 100 for each unit of weight.
      EXPECT_LE(RunUniform(*ring, nodes, bound, 2200).peak, bound + 0.01);
      EXPECT_LE(RunZipf(*ring, nodes, bound, 2200).peak, bound + 0.01);
    }
  }
}

struct Cost {
  double bound, uniform, zipf;  // Shares of the requests that leave their owner.
};

// What a bound costs. The closer to 1, the more requests spill; under skewed keys most that it spares the fullest node.
TEST(BoundedLoad, SpillsAFewPercentOfUniformKeysAndAQuarterOfSkewedOnesAtBoundOneAndAQuarter) {
  constexpr Cost kCosts[] = {{1.1, 0.27, 0.41}, {1.25, 0.075, 0.25}, {1.5, 0.009, 0.15}, {2, 0.0002, 0.08}};
  const Nodes nodes = EqualNodes(50);
  const auto ring = MakeVnodeRing(nodes);
  for (const auto& [bound, uniform, zipf] : kCosts) {
    // 19 requests a node are under way.
    EXPECT_NEAR(RunUniform(*ring, nodes, bound, 950).spilled, uniform, 0.02) << bound;
    const Spill skewed = RunZipf(*ring, nodes, bound, 950);
    EXPECT_NEAR(skewed.spilled, zipf, 0.03) << bound;
    EXPECT_LE(skewed.attempts, 20U) << bound;
  }
  EXPECT_GE(RunZipf(*ring, nodes, 1000, 950).peak, 4) << "Without a bound";
}

TEST(BoundedLoadDeathTest, DiesOfABoundBelowOneAndOfARequestThatEndsTwice) {
  const Nodes nodes = EqualNodes(2);
  const auto ring = MakeVnodeRing(nodes);
  EXPECT_DEATH(BoundedLoad(*ring, nodes, 0.9), "bound");
  BoundedLoad bounded(*ring, nodes, 1.5);
  bounded.Begin(1);
  bounded.End(1);
  EXPECT_DEATH(bounded.End(1), "load > 0");
}

}  // namespace
}  // namespace ringproxy::ring
