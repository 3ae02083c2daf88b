#include "ring/ketama_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "ring/hash.h"
#include "ring/md5.h"
#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

constexpr uint32_t kPoints = 160;
constexpr KetamaKind kKinds[] = {KetamaKind::kLibmemcached, KetamaKind::kTwemproxy};

RingNode AddressedNode(const std::string& host, uint16_t port) {
  return {.name = host + ":" + std::to_string(port), .host = host, .port = port};
}

std::vector<std::string> OwnersOf(KetamaKind kind, const Nodes& nodes) {
  const KetamaRing ring(kind, kPoints, nodes);
  std::vector<std::string> owners;
  for (const uint64_t hash : KeyHashes()) owners.push_back(nodes[ring.Pick(hash)].name);
  return owners;
}

// The header's words as the plainest code, for nodes that are called by their names. The first listed keeps a value.
std::map<uint32_t, NodeIndex> Points(const Nodes& nodes) {
  uint64_t weights = 0;
  for (const RingNode& node : nodes) weights += node.weight;
  std::map<uint32_t, NodeIndex> points;
  for (NodeIndex i = 0; i < nodes.size(); ++i) {
    const uint32_t count = KetamaRing::PointsOf(nodes[i].weight, weights, kPoints, nodes.size());
    for (uint32_t k = 0; k < count; ++k) {
      points.emplace(Md5(nodes[i].name + "-" + std::to_string(k / 4))[k % 4], i);
    }
  }
  return points;
}

// What the programs compute in float; in exact arithmetic 25 equal nodes would have 160 points each.
TEST(KetamaRing, GivesANodeAsManyPointsAsTheProgramsFloatArithmeticDoes) {
  EXPECT_EQ(KetamaRing::PointsOf(1, 1, kPoints, 1), 160U);
  EXPECT_EQ(KetamaRing::PointsOf(7, 21, kPoints, 3), 160U);
  EXPECT_EQ(KetamaRing::PointsOf(1, 25, kPoints, 25), 156U);
  EXPECT_EQ(KetamaRing::PointsOf(1, 100, kPoints, 100), 156U);
  EXPECT_EQ(KetamaRing::PointsOf(1, 3, kPoints, 2), 104U);
  EXPECT_EQ(KetamaRing::PointsOf(2, 3, kPoints, 2), 212U);
  EXPECT_EQ(KetamaRing::PointsOf(1, 80, kPoints, 2), 4U);
  EXPECT_EQ(KetamaRing::PointsOf(1, 81, kPoints, 2), 0U);
}

TEST(KetamaRing, PicksTheFirstPointAtOrAboveTheHashAndWraps) {
  for (const Nodes& nodes : {EqualNodes(1), EqualNodes(2), EqualNodes(33), WeightedNodes()}) {
    const KetamaRing ring(KetamaKind::kTwemproxy, kPoints, nodes);
    const auto points = Points(nodes);
    std::vector<uint32_t> hashes = {0, 1, UINT32_MAX - 1, UINT32_MAX};
    for (const auto& [value, owner] : points) hashes.insert(hashes.end(), {value - 1, value, value + 1});
    for (const uint32_t hash : hashes) {
      const auto point = points.lower_bound(hash);
      ASSERT_EQ(ring.Pick(hash), point == points.end() ? points.begin()->second : point->second) << hash;
    }
  }
}

// libmemcached's, without weights: by the hash of the keys, and the first listed keeps a value that two nodes have.
TEST(KetamaRing, WithoutWeightsHasAPointForEachNumberOfEachNode) {
  Nodes nodes = EqualNodes(20);
  nodes[3].weight = 1000;
  nodes[4].host = "10.0.0.4";
  nodes[4].port = 11211;
  nodes[5].host = "10.0.0.5";
  nodes[5].port = 11212;
  std::vector<std::string> names;
  for (const RingNode& node : nodes) names.push_back(node.name);
  names[4] = "10.0.0.4";
  names[5] = "10.0.0.5:11212";
  for (const HashAlgorithm hash : {HashAlgorithm::kOneAtATime, HashAlgorithm::kMd5}) {
    std::map<uint32_t, NodeIndex> points;
    for (NodeIndex i = 0; i < nodes.size(); ++i) {
      for (int k = 0; k < 100; ++k) points.emplace(Hash(hash, names[i] + "-" + std::to_string(k)), i);
    }
    const KetamaRing ring(hash, 100, nodes);
    for (const auto& [value, owner] : points) {
      for (const uint32_t near : {value - 1, value, value + 1}) {
        const auto point = points.lower_bound(near);
        ASSERT_EQ(ring.Pick(near), point == points.end() ? points.begin()->second : point->second);
      }
    }
    std::set<NodeIndex> met;
    ring.Walk(7, [&](NodeIndex node) { return !met.insert(node).second; });
    EXPECT_EQ(met.size(), nodes.size());
  }
}

TEST(KetamaRing, ReadsTheLow32BitsOfAHash) {
  const KetamaRing ring(KetamaKind::kTwemproxy, kPoints, EqualNodes(10));
  for (const uint64_t hash : KeyHashes()) ASSERT_EQ(ring.Pick(hash), ring.Pick(static_cast<uint32_t>(hash)));
}

TEST(KetamaRing, WalksOnToTheNextDistinctNodes) {
  const Nodes nodes = WeightedNodes();
  const KetamaRing ring(KetamaKind::kTwemproxy, kPoints, nodes);
  const auto points = Points(nodes);
  for (uint32_t i = 0; i < 200; ++i) {
    const uint64_t hash = KeyHashes()[i];
    std::vector<NodeIndex> expected;
    for (auto point = points.lower_bound(static_cast<uint32_t>(hash)); expected.size() < nodes.size(); ++point) {
      if (point == points.end()) point = points.begin();
      if (std::ranges::find(expected, point->second) == expected.end()) expected.push_back(point->second);
    }
    for (uint32_t attempt = 0; attempt < nodes.size(); ++attempt) {
      EXPECT_EQ(ring.PickNth(hash, attempt), expected[attempt]);
    }
  }
}

TEST(KetamaRing, GivesNoKeyToANodeOfTooLittleWeightAndChoosesItLast) {
  const Nodes nodes = {{"light", 1}, {"heavy", 500}, {"feather", 1}, {"heavier", 700}};
  const KetamaRing ring(KetamaKind::kLibmemcached, kPoints, nodes);
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint64_t hash = KeyHashes()[i];
    const std::set<NodeIndex> first = {ring.PickNth(hash, 0), ring.PickNth(hash, 1)};
    ASSERT_EQ(first, (std::set<NodeIndex>{1, 3}));
    ASSERT_EQ(ring.PickNth(hash, 2), 0U);
    ASSERT_EQ(ring.PickNth(hash, 3), 2U);
  }
}

struct NameCase {
  KetamaKind kind;
  RingNode node;
  const char* name;
};

// semantics.md 31. The end-to-end tests compare with the programs; this says what to look for when they differ.
TEST(KetamaRing, CallsANodeAsTheProgramDoes) {
  const RingNode unix_node = {.name = "unix:/run/a.sock", .host = "/run/a.sock"};
  RingNode alias = AddressedNode("10.0.0.1", 11211);
  alias.name = "shard-a";
  alias.has_alias = true;
  const NameCase cases[] = {
      {KetamaKind::kLibmemcached, AddressedNode("10.0.0.1", 11211), "10.0.0.1"},
      {KetamaKind::kLibmemcached, AddressedNode("10.0.0.1", 11212), "10.0.0.1:11212"},
      {KetamaKind::kLibmemcached, AddressedNode("::1", 11212), "::1:11212"},
      {KetamaKind::kLibmemcached, unix_node, "/run/a.sock:0"},
      {KetamaKind::kLibmemcached, alias, "10.0.0.1"},
      {KetamaKind::kTwemproxy, AddressedNode("10.0.0.1", 11211), "10.0.0.1"},
      {KetamaKind::kTwemproxy, AddressedNode("10.0.0.1", 11212), "10.0.0.1:11212"},
      {KetamaKind::kTwemproxy, AddressedNode("::1", 11212), "::1:11212"},
      {KetamaKind::kTwemproxy, unix_node, "/run/a.sock:"},
      {KetamaKind::kTwemproxy, alias, "shard-a"},
  };
  const Nodes others = EqualNodes(3);
  for (const NameCase& c : cases) {
    Nodes named = others, addressed = others;
    named.push_back({c.name, 2});
    addressed.push_back(c.node);
    addressed.back().weight = 2;
    const KetamaRing expected(c.kind, kPoints, named);
    const KetamaRing ring(c.kind, kPoints, addressed);
    EXPECT_TRUE(std::ranges::all_of(KeyHashes(), [&](uint64_t h) { return ring.Pick(h) == expected.Pick(h); }))
        << c.name;
  }
}

// One of the md5 words of n81-0 to n81-39 is also one of n975-0 to n975-39.
constexpr uint32_t kSharedPoint = 607858066;

TEST(KetamaRing, GivesAPointThatTwoNodesShareToTheShorterNameAsTwemproxyDoes) {
  for (const Nodes& nodes : {Nodes{{"n81", 1}, {"n975", 1}}, Nodes{{"n975", 1}, {"n81", 1}}}) {
    const KetamaRing ring(KetamaKind::kTwemproxy, kPoints, nodes);
    EXPECT_EQ(nodes[ring.Pick(kSharedPoint)].name, "n81");
  }
}

TEST(KetamaRing, GivesAPointThatTwoNodesShareToTheFirstListedAsLibmemcachedDoes) {
  for (const Nodes& nodes : {Nodes{{"n81", 1}, {"n975", 1}}, Nodes{{"n975", 1}, {"n81", 1}}}) {
    const KetamaRing ring(KetamaKind::kLibmemcached, kPoints, nodes);
    EXPECT_EQ(ring.Pick(kSharedPoint), 0U);
  }
}

// semantics.md 32: the name is the identity, not the place in the list.
TEST(KetamaRing, PicksTheSameNodesInWhateverOrderTheyAreListed) {
  for (const KetamaKind kind : kKinds) {
    Nodes nodes = WeightedNodes();
    const auto before = OwnersOf(kind, nodes);
    std::mt19937 random(2);
    for (int i = 0; i < 3; ++i) {
      std::ranges::shuffle(nodes, random);
      EXPECT_EQ(OwnersOf(kind, nodes), before);
    }
  }
}

// The points of a node are a random sample of the ring, as in VnodeRing's test of the same: four standard deviations.
TEST(KetamaRing, SpreadsKeysByWeight) {
  for (const Nodes& nodes : {EqualNodes(3), EqualNodes(40), WeightedNodes(), Nodes{{"small", 1}, {"large", 20}}}) {
    uint32_t weights = 0;
    for (const RingNode& node : nodes) weights += node.weight;
    const std::vector<uint32_t> counts = KeyCounts(KetamaRing(KetamaKind::kTwemproxy, kPoints, nodes));
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      const double fair = static_cast<double>(nodes[i].weight) / weights;
      const double points = static_cast<double>(kPoints) * static_cast<double>(nodes.size());
      const double variance = fair * (1 - fair) * (1 / (points + 1) + 1.0 / kKeys);
      // Rounding down takes up to four points from a node, and from all others.
      EXPECT_NEAR(static_cast<double>(counts[i]) / kKeys, fair, 4 * std::sqrt(variance) + 4 / points) << nodes[i].name;
    }
  }
}

struct Moved {
  double needed = 0;    // To or from the node that changed, as a share of all keys.
  double needless = 0;  // Between two others.
};

Moved SharesMoved(const Nodes& before, const Nodes& after, const std::string& changed) {
  const auto old_owners = OwnersOf(KetamaKind::kTwemproxy, before);
  const auto new_owners = OwnersOf(KetamaKind::kTwemproxy, after);
  Moved moved;
  for (uint32_t i = 0; i < kKeys; ++i) {
    if (old_owners[i] == new_owners[i]) continue;
    (old_owners[i] == changed || new_owners[i] == changed ? moved.needed : moved.needless) += 1.0 / kKeys;
  }
  return moved;
}

TEST(KetamaRing, MovesNoKeyBetweenOtherNodesWhenOneOfEqualWeightIsAddedOrRemoved) {
  const Nodes nodes = EqualNodes(10);
  Nodes more = nodes;
  more.insert(more.begin() + 1, {"new", 1});
  EXPECT_EQ(SharesMoved(nodes, more, "new").needless, 0);
  EXPECT_EQ(SharesMoved(more, nodes, "new").needless, 0);
  EXPECT_NEAR(SharesMoved(nodes, more, "new").needed, 1.0 / 11, 0.04);
}

// The price of relative weights, and the reason why vnode has absolute ones.
TEST(KetamaRing, MovesAFewKeysNeedlesslyWhenWeightsDiffer) {
  const Nodes nodes = WeightedNodes();
  Nodes more = nodes;
  more.push_back({"new", 4});
  for (const Moved& moved : {SharesMoved(nodes, more, "new"), SharesMoved(more, nodes, "new")}) {
    EXPECT_GT(moved.needless, 0.02);
    EXPECT_LT(moved.needless, 0.07);
    EXPECT_NEAR(moved.needed, 4.0 / 26, 0.04);
  }
}

}  // namespace
}  // namespace ringproxy::ring
