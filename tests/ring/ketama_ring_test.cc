// Against the real programs: tests/e2e/test_ring_compatibility.py.
#include "ring/ketama_ring.h"

#include <gtest/gtest.h>

#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

constexpr uint32_t kPoints = 160;

RingNode At(const std::string& host, uint16_t port, const std::string& alias = "") {
  const std::string address = host + ":" + std::to_string(port);
  return {
      .name = alias.empty() ? address : alias, .host = host, .port = port, .has_alias = !alias.empty(), .slots = {}};
}

std::vector<NodeIndex> Picks(const Nodes& nodes, bool aliases) {
  const KetamaRing ring(kPoints, nodes, aliases);
  std::vector<NodeIndex> picks;
  for (const uint64_t hash : KeyHashes()) picks.push_back(ring.Pick(hash));
  return picks;
}

// trap 31
TEST(KetamaRing, LeavesMemcachedsOwnPortOutOfANodesName) {
  const Nodes at_11211 = {At("10.0.0.1", 11211), At("10.0.0.2", 11211)};
  const Nodes by_host = {{.name = "10.0.0.1"}, {.name = "10.0.0.2"}};
  EXPECT_EQ(Picks(at_11211, false), Picks(by_host, false));
  const Nodes at_11212 = {At("10.0.0.1", 11212), At("10.0.0.2", 11212)};
  const Nodes by_address = {{.name = "10.0.0.1:11212"}, {.name = "10.0.0.2:11212"}};
  EXPECT_EQ(Picks(at_11212, false), Picks(by_address, false));
}

TEST(KetamaRing, CallsANodeByItsAliasOnlyAsTwemproxyDoes) {
  const Nodes with_alias = {At("10.0.0.1", 1, "one"), At("10.0.0.2", 2, "two")};
  const Nodes without = {At("10.0.0.1", 1), At("10.0.0.2", 2)};
  const Nodes named = {{.name = "one"}, {.name = "two"}};
  EXPECT_EQ(Picks(with_alias, true), Picks(named, true));
  EXPECT_EQ(Picks(with_alias, false), Picks(without, false));
}

TEST(KetamaRing, LooksAtTheLowHalfOfAHashAndWraps) {
  const KetamaRing ring(kPoints, EqualNodes(10), false);
  for (const uint64_t hash : {uint64_t{0}, uint64_t{0xffffffff}, uint64_t{0x12345678}}) {
    EXPECT_EQ(ring.Pick(hash), ring.Pick(hash | uint64_t{0xabcdef01} << 32));
  }
}

// The known excess: relative weights give every node other points.
TEST(KetamaRing, MovesAFewPercentNeedlesslyWhenWeightsDiffer) {
  const Nodes before = WeightedNodes();
  Nodes after = before;
  after.push_back({.name = "new", .weight = 4});
  const Moves moves = CountMoves(Algorithm::kKetama, before, after, "new");
  EXPECT_GT(moves.needless, kKeys / 100);
  EXPECT_LT(moves.needless, kKeys / 14);
  Nodes equal = EqualNodes(10);
  const Nodes ten = equal;
  equal.push_back({.name = "new"});
  EXPECT_EQ(CountMoves(Algorithm::kKetama, ten, equal, "new").needless, 0U);
}

}  // namespace
}  // namespace ringproxy::ring
