#include "ring/modula_ring.h"

#include <gtest/gtest.h>

namespace ringproxy::ring {
namespace {

TEST(ModulaRing, GivesEachNodeAsManyConsecutiveResiduesAsItsWeight) {
  const RingNode nodes[] = {{"a", 1}, {"b", 3}, {"c", 2}};
  const ModulaRing ring(nodes);
  const NodeIndex owners[] = {0, 1, 1, 1, 2, 2};
  for (uint64_t hash = 0; hash < 600; ++hash) EXPECT_EQ(ring.Pick(hash), owners[hash % 6]);
  EXPECT_EQ(ring.Pick(UINT64_MAX), owners[UINT64_MAX % 6]);
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
