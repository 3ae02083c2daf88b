#include "ring/rendezvous_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ring/hash.h"
#include "ring/mix.h"
#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

constexpr double kUnit = 1.0 / (1ULL << 57);

// Exact near one too, where a plain logarithm would lose the digits that matter.
double ExactNegativeLog2(uint64_t draw) {
  const double below_one = static_cast<double>(~draw) + 0.5;
  return draw > UINT64_MAX / 2 ? -std::log1p(-std::ldexp(below_one, -64)) / std::log(2)
                               : 64 - std::log2(static_cast<double>(draw) + 0.5);
}

TEST(NegativeLog2, IsWithinItsPromisedErrorOfTheExactValue) {
  for (const uint64_t hash : KeyHashes()) {
    // Small draws and those near one have fractions of their own.
    for (const uint64_t draw : {hash, hash >> 20, ~(hash >> 10), ~(hash >> 30)}) {
      const double exact = ExactNegativeLog2(draw);
      ASSERT_NEAR(static_cast<double>(NegativeLog2(draw)) * kUnit, exact, 2.5e-4 * exact + 2 * kUnit) << draw;
    }
  }
}

TEST(NegativeLog2, IsExactAtPowersOfTwo) {
  // Of lower powers the last bit, which counts as set, is a part that shows.
  for (uint64_t power = 41; power < 64; ++power) {
    EXPECT_NEAR(static_cast<double>(NegativeLog2(uint64_t{1} << power)) * kUnit, 64.0 - static_cast<double>(power),
                1e-9);
  }
  EXPECT_EQ(NegativeLog2(0), uint64_t{64} << 57);
  EXPECT_EQ(NegativeLog2(1), uint64_t{64} << 57);
}

TEST(NegativeLog2, NeverRises) {
  std::vector<uint64_t> draws = KeyHashes();
  for (const uint64_t hash : KeyHashes()) draws.insert(draws.end(), {hash + 1, hash >> 20, ~(hash >> 20)});
  for (uint64_t i = 0; i < 3000; ++i) draws.insert(draws.end(), {i, i << 53, (i << 53) - 1, UINT64_MAX - i});
  std::ranges::sort(draws);
  for (size_t i = 1; i < draws.size(); ++i) ASSERT_LE(NegativeLog2(draws[i]), NegativeLog2(draws[i - 1]));
}

// The header's words as the plainest code, with the library's logarithm; the two differ where two nodes nearly tie.
TEST(RendezvousRing, PicksTheNodeWithTheBestWeightedDraw) {
  const Nodes nodes = WeightedNodes();
  const RendezvousRing ring(nodes);
  uint32_t different = 0;
  for (const uint64_t hash : KeyHashes()) {
    std::vector<double> scores;
    for (const RingNode& node : nodes) {
      scores.push_back(ExactNegativeLog2(Mix(hash ^ Hash(HashAlgorithm::kXxh3, node.name))) / node.weight);
    }
    different += ring.Pick(hash) == static_cast<size_t>(std::ranges::min_element(scores) - scores.begin()) ? 0 : 1;
  }
  EXPECT_LE(different, kKeys * 2.5e-4);
}

TEST(RendezvousRing, SpreadsKeysByWeight) {
  ExpectSharesByWeight(Algorithm::kRendezvous, WeightedNodes());
  ExpectSharesByWeight(Algorithm::kRendezvous, EqualNodes(100));
  ExpectSharesByWeight(Algorithm::kRendezvous, {{"small", 1}, {"large", 20}});
  ExpectSharesByWeight(Algorithm::kRendezvous, {{"small", 1}, {"medium", 31}, {"large", 1000}});
  ExpectSharesByWeight(Algorithm::kRendezvous, {{"", 3}, {"a", 3}, {"127.0.0.1:7001", 2}, {"127.0.0.1:7002", 2}});
}

// semantics.md 32: the name is the identity, not the place in the list.
TEST(RendezvousRing, PicksTheSameNodesInWhateverOrderTheyAreListed) {
  ExpectSamePicksInEveryOrder(Algorithm::kRendezvous, WeightedNodes());
}

TEST(RendezvousRing, KeepsEveryKeyOfTheOtherNodesWhenOneIsAddedOrRemoved) {
  for (const Nodes& nodes : {EqualNodes(1), EqualNodes(10), WeightedNodes()}) {
    for (const uint32_t weight : {1, 4}) {
      Nodes more = nodes;
      more.insert(more.begin() + 1, {"new", weight});
      const uint32_t owned = CountOwned(Algorithm::kRendezvous, more, "new");
      for (const Moves& moves : {CountMoves(Algorithm::kRendezvous, nodes, more, "new"),
                                 CountMoves(Algorithm::kRendezvous, more, nodes, "new")}) {
        EXPECT_EQ(moves.needless, 0U);
        EXPECT_EQ(moves.needed, owned);
      }
    }
  }
}

TEST(RendezvousRing, MovesKeysOnlyToANodeThatGetsHeavierAndOnlyFromOneThatGetsLighter) {
  const Nodes nodes = WeightedNodes();
  Nodes heavier = nodes;
  heavier[4].weight += 3;
  const std::string& name = nodes[4].name;
  const uint32_t gain =
      CountOwned(Algorithm::kRendezvous, heavier, name) - CountOwned(Algorithm::kRendezvous, nodes, name);
  for (const Moves& moves : {CountMoves(Algorithm::kRendezvous, nodes, heavier, name),
                             CountMoves(Algorithm::kRendezvous, heavier, nodes, name)}) {
    EXPECT_EQ(moves.needless, 0U);
    EXPECT_EQ(moves.needed, gain);
  }
}

TEST(RendezvousRing, FallsBackToTheOwnerThatTheKeyWouldHaveWithoutTheNodesBefore) {
  const Nodes nodes = WeightedNodes();
  const RendezvousRing ring(nodes);
  for (uint32_t i = 0; i < 500; ++i) {
    const uint64_t hash = KeyHashes()[i];
    Nodes left = nodes;
    for (uint32_t attempt = 0; attempt < nodes.size(); ++attempt) {
      const NodeIndex choice = ring.PickNth(hash, attempt);
      ASSERT_EQ(nodes[choice].name, left[RendezvousRing(left).Pick(hash)].name);
      std::erase_if(left, [&](const RingNode& node) { return node.name == nodes[choice].name; });
    }
  }
}

// Names of equal hash: xxh3 of 17 to 32 bytes multiplies the first eight, XORed with a constant, by the next eight, so
// such names hash alike whatever those next eight are. (The last sixteen of 32 bytes take their own way.)
TEST(RendezvousRing, GivesTheKeysOfTwoNamesOfEqualHashToTheFirstNameInWhateverOrderTheyAreListed) {
  const std::string constant = "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe";
  const Nodes nodes = {{constant + "bbbbbbbb, the same hash."}, {constant + "aaaaaaaa, the same hash."}, {"other"}};
  ASSERT_EQ(Hash(HashAlgorithm::kXxh3, nodes[0].name), Hash(HashAlgorithm::kXxh3, nodes[1].name));
  EXPECT_EQ(CountOwned(Algorithm::kRendezvous, nodes, nodes[0].name), 0U);
  ExpectSamePicksInEveryOrder(Algorithm::kRendezvous, nodes);
}

}  // namespace
}  // namespace ringproxy::ring
