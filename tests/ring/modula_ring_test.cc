#include "ring/modula_ring.h"

#include <gtest/gtest.h>

#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

TEST(ModulaRing, GivesEachNodeAsManyConsecutiveResiduesAsItsWeight) {
  const RingNode nodes[] = {{"a", 1}, {"b", 3}, {"c", 2}};
  const ModulaRing ring(nodes);
  const NodeIndex owners[] = {0, 1, 1, 1, 2, 2};
  for (uint64_t hash = 0; hash < 600; ++hash) EXPECT_EQ(ring.Pick(hash), owners[hash % 6]);
  EXPECT_EQ(ring.Pick(UINT64_MAX), owners[UINT64_MAX % 6]);
}

TEST(ModulaRing, SpreadsKeysByWeight) {
  ExpectSharesByWeight(Algorithm::kModula, WeightedNodes());
  ExpectSharesByWeight(Algorithm::kModula, EqualNodes(100));
  ExpectSharesByWeight(Algorithm::kModula, {{"small", 1}, {"large", 20}});
}

// The excess that the header tells of.
TEST(ModulaRing, MovesAllButOneInAsManyKeysAsThereAreNodesWhenOneComesOrGoesAtTheEndOfTheList) {
  for (const uint32_t count : {1, 3, 10, 100}) {
    const Nodes nodes = EqualNodes(count);
    Nodes more = nodes;
    more.push_back({"new", 1});
    const double needed = 1.0 / (count + 1);
    const double needless = (count - 1.0) / (count + 1);
    for (const Moves& moves :
         {CountMoves(Algorithm::kModula, nodes, more, "new"), CountMoves(Algorithm::kModula, more, nodes, "new")}) {
      EXPECT_NEAR(static_cast<double>(moves.needed) / kKeys, needed, SamplingError(needed));
      EXPECT_NEAR(static_cast<double>(moves.needless) / kKeys, needless, SamplingError(needless));
    }
  }
}

TEST(ModulaRing, GoesByThePlaceInTheListAndNotByNames) {
  const auto before = KeyCounts(ModulaRing(WeightedNodes()));
  Nodes renamed = WeightedNodes();
  for (RingNode& node : renamed) node.name = "other-" + node.name;
  EXPECT_EQ(KeyCounts(ModulaRing(renamed)), before);
}

TEST(ModulaRing, FallsBackToTheNodesThatFollowInTheList) {
  const RingNode nodes[] = {{"a", 1}, {"b", 5}, {"c", 1}};
  const ModulaRing ring(nodes);
  EXPECT_EQ(ring.PickNth(1, 0), 1U);
  EXPECT_EQ(ring.PickNth(1, 1), 2U);
  EXPECT_EQ(ring.PickNth(1, 2), 0U);
}

}  // namespace
}  // namespace ringproxy::ring
