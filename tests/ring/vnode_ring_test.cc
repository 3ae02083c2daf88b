#include "ring/vnode_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "ring/hash.h"
#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

// The header's words as the plainest code: every point in a map.
std::map<uint64_t, NodeIndex> Points(const Nodes& nodes, uint32_t virtual_nodes) {
  std::map<uint64_t, NodeIndex> points;
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    for (uint32_t v = 0; v < virtual_nodes * nodes[i].weight; ++v) {
      points.emplace(Hash(HashAlgorithm::kXxh3, nodes[i].name + "#" + std::to_string(v)), i);
    }
  }
  return points;
}

NodeIndex OwnerByMap(const std::map<uint64_t, NodeIndex>& points, uint64_t hash) {
  const auto point = points.lower_bound(hash);
  return point == points.end() ? points.begin()->second : point->second;
}

TEST(VnodeRing, PicksTheFirstPointAtOrAfterTheHashOnRingsOfEverySize) {
  std::mt19937_64 random(1);
  for (const uint32_t virtual_nodes : {1, 2, 3, 7, 64, 1000, 1024}) {
    for (const uint32_t node_count : {1, 2, 3, 10, 33}) {
      const Nodes nodes = EqualNodes(node_count);
      const VnodeRing ring(virtual_nodes, nodes);
      const auto points = Points(nodes, virtual_nodes);
      std::vector<uint64_t> hashes = {0, 1, UINT64_MAX - 1, UINT64_MAX};
      for (int i = 0; i < 2000; ++i) hashes.push_back(random());
      for (const auto& [value, owner] : points) hashes.insert(hashes.end(), {value - 1, value, value + 1});
      const auto differs =
          std::ranges::find_if(hashes, [&](uint64_t hash) { return ring.Pick(hash) != OwnerByMap(points, hash); });
      EXPECT_EQ(differs, hashes.end()) << node_count << " nodes x " << virtual_nodes << ", hash " << *differs;
    }
  }
}

TEST(VnodeRing, WalksClockwiseToTheNextDistinctNodes) {
  const Nodes nodes = WeightedNodes();
  const VnodeRing ring(16, nodes);
  const auto points = Points(nodes, 16);
  for (uint32_t i = 0; i < 200; ++i) {
    const uint64_t hash = KeyHashes()[i];
    std::vector<NodeIndex> expected;
    for (auto point = points.lower_bound(hash); expected.size() < nodes.size(); ++point) {
      if (point == points.end()) point = points.begin();
      if (std::ranges::find(expected, point->second) == expected.end()) expected.push_back(point->second);
    }
    for (uint32_t attempt = 0; attempt < nodes.size(); ++attempt) {
      EXPECT_EQ(ring.PickNth(hash, attempt), expected[attempt]);
    }
  }
}

// xxh3 of 17 to 32 bytes multiplies the first eight, XORed with a constant, by the next eight. A name that starts with
// the constant makes that a multiplication by zero, so that `letter` has no part in the hash: all such names have the
// same points. Thirty bytes, to which "#0" to "#9" add two.
std::string NameOfTwin(char letter) {
  return "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe" + std::string(8, letter) + "at same points";
}

// Points of equal value must not be ordered by chance, for then two proxies would disagree.
TEST(VnodeRing, GivesAPointThatTwoNodesShareToTheFirstNameInWhateverOrderTheyAreListed) {
  constexpr uint32_t kFew = 10;
  const RingNode first = {NameOfTwin('a'), 1};
  const RingNode second = {NameOfTwin('b'), 1};
  for (uint32_t v = 0; v < kFew; ++v) {
    const std::string number = "#" + std::to_string(v);
    ASSERT_EQ(Hash(HashAlgorithm::kXxh3, first.name + number), Hash(HashAlgorithm::kXxh3, second.name + number));
  }
  const Nodes without = {first, {"other", 1}};
  const VnodeRing expected(kFew, without);
  for (Nodes nodes : {Nodes{first, second, {"other", 1}}, Nodes{{"other", 1}, second, first}}) {
    const VnodeRing ring(kFew, nodes);
    for (const uint64_t hash : KeyHashes()) {
      const std::string& owner = nodes[ring.Pick(hash)].name;
      ASSERT_EQ(owner, without[expected.Pick(hash)].name);
      if (owner != first.name) continue;
      ASSERT_EQ(nodes[ring.PickNth(hash, 1)].name, second.name);
    }
  }
}

// A node's points are a random sample of the ring, so its share p has the variance p(1-p)/(points+1), to which
// counting so many keys adds p(1-p)/keys. (Of N equal nodes with V points each, that is the coefficient of variation
// sqrt((N-1)/(NV+1)): 2.6 % at 3 x 1,024.) Four standard deviations: no naming may do worse than chance.
void ExpectFairShares(const Nodes& nodes) {
  uint32_t weights = 0;
  for (const RingNode& node : nodes) weights += node.weight;
  const std::vector<uint32_t> counts = KeyCounts(*MakeVnodeRing(nodes));
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const double fair = static_cast<double>(nodes[i].weight) / weights;
    const double variance = fair * (1 - fair) * (1.0 / (kVirtualNodes * weights + 1) + 1.0 / kKeys);
    EXPECT_NEAR(static_cast<double>(counts[i]) / kKeys, fair, 4 * std::sqrt(variance)) << nodes[i].name;
  }
}

TEST(VnodeRing, SpreadsKeysFairlyWhateverTheNodesAreCalled) {
  ExpectFairShares({{"a", 1}, {"b", 1}, {"c", 1}});
  ExpectFairShares({{"r1", 1}, {"r2", 1}, {"r3", 1}});
  ExpectFairShares({{"127.0.0.1:7001", 1}, {"127.0.0.1:7002", 1}, {"127.0.0.1:7003", 1}});
  ExpectFairShares({{"a", 1}, {"a#1", 1}, {"a#1#1", 1}, {"", 1}});
  // From one letter to longer than any length at which xxh3 changes its method.
  for (const uint32_t length : {1, 2, 3, 4, 6, 8, 12, 14, 16, 30, 126, 140, 238, 300}) {
    ExpectFairShares(EqualNodes(3, std::string(length, 'x')));
    Nodes nodes = EqualNodes(3, "");
    for (RingNode& node : nodes) node.name += std::string(length, 'x');
    ExpectFairShares(nodes);
  }
}

TEST(VnodeRing, SpreadsKeysByWeight) {
  ExpectFairShares(WeightedNodes());
  ExpectFairShares({{"small", 1}, {"large", 20}});
}

// The highest of 100 normal variables is about sqrt(2 ln 100) = 3.0 deviations above the mean, and one deviation of a
// node's 1,000 keys is sqrt(1/1,024 + 1/1,000) = 4.4 %.
TEST(VnodeRing, HasTheFullestOfAHundredNodesWithinFifteenPercentOfTheMean) {
  const std::vector<uint32_t> counts = KeyCounts(*MakeVnodeRing(EqualNodes(100)));
  EXPECT_LE(std::ranges::max(counts), kKeys / 100 * 1.15);
}

// semantics.md 32: the name is the identity, not the place in the list.
TEST(VnodeRing, PicksTheSameNodesInWhateverOrderTheyAreListed) {
  ExpectSamePicksInEveryOrder(Algorithm::kVnode, WeightedNodes());
}

// The changes of this test move exactly the keys that the changed node gains or loses, and no other.
TEST(VnodeRing, KeepsEveryKeyOfTheOtherNodesWhenOneIsAddedOrRemoved) {
  for (const Nodes& nodes : {EqualNodes(3), EqualNodes(10), WeightedNodes()}) {
    for (const uint32_t weight : {1, 4}) {
      Nodes more = nodes;
      more.insert(more.begin() + 1, {"new", weight});
      const uint32_t owned = CountOwned(Algorithm::kVnode, more, "new");
      const Moves added = CountMoves(Algorithm::kVnode, nodes, more, "new");
      EXPECT_EQ(added.needless, 0U);
      EXPECT_EQ(added.needed, owned);
      const Moves removed = CountMoves(Algorithm::kVnode, more, nodes, "new");
      EXPECT_EQ(removed.needless, 0U);
      EXPECT_EQ(removed.needed, owned);
    }
  }
}

TEST(VnodeRing, MovesKeysOnlyToANodeThatGetsHeavierAndOnlyFromOneThatGetsLighter) {
  const Nodes nodes = WeightedNodes();
  Nodes heavier = nodes;
  heavier[4].weight += 3;
  const std::string& name = nodes[4].name;
  const uint32_t gain = CountOwned(Algorithm::kVnode, heavier, name) - CountOwned(Algorithm::kVnode, nodes, name);
  const Moves up = CountMoves(Algorithm::kVnode, nodes, heavier, name);
  const Moves down = CountMoves(Algorithm::kVnode, heavier, nodes, name);
  EXPECT_EQ(up.needless, 0U);
  EXPECT_EQ(down.needless, 0U);
  EXPECT_EQ(up.needed, gain);
  EXPECT_EQ(down.needed, gain);
}

// semantics.md 32: a pool of one already has its full layout.
TEST(VnodeRing, MovesOnlyItsShareToASecondNode) {
  const Nodes one = {{"r1", 1}};
  const Nodes two = {{"r1", 1}, {"r2", 1}};
  EXPECT_EQ(CountMoves(Algorithm::kVnode, one, two, "r2").needed, CountOwned(Algorithm::kVnode, two, "r2"));
  EXPECT_NEAR(CountOwned(Algorithm::kVnode, two, "r2") / (kKeys / 2.0), 1, 0.1);
}

TEST(VnodeRing, MovesNoMoreKeysWithAnotherVirtualNodeCountThanThePointsThatComeOrGo) {
  const Nodes nodes = EqualNodes(5);
  const VnodeRing few(1000, nodes);
  const VnodeRing more(1024, nodes);
  const auto moved = std::ranges::count_if(KeyHashes(), [&](uint64_t h) { return few.Pick(h) != more.Pick(h); });
  // 24 of 1,024 points are new; a key moves only when its first point is a new one, and that is another node's.
  EXPECT_LE(moved, kKeys * 0.03);
}

TEST(VnodeRing, BuildsRingsOfMillionsOfPoints) {
  const Nodes nodes = {{"a", 1000}, {"b", 1000}};
  const VnodeRing ring(1024, nodes);
  const std::vector<uint32_t> counts = KeyCounts(ring);
  EXPECT_NEAR(counts[0] / (kKeys / 2.0), 1, 0.02);
}

}  // namespace
}  // namespace ringproxy::ring
