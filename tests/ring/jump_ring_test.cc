#include "ring/jump_ring.h"

#include <gtest/gtest.h>

#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

struct JumpCase {
  uint64_t key;
  uint32_t buckets, bucket;
};

// The values that implementations of the paper in other languages test themselves by.
TEST(JumpHash, GivesItsKnownValues) {
  constexpr JumpCase kCases[] = {{1, 1, 0},        {42, 57, 43}, {0xdead10cc, 1, 0}, {0xdead10cc, 666, 361},
                                 {256, 1024, 520}, {0, 1, 0},    {UINT64_MAX, 1, 0}};
  for (const auto& [key, buckets, bucket] : kCases) EXPECT_EQ(JumpHash(key, buckets), bucket) << key;
}

TEST(JumpHash, StaysBelowTheNumberOfBucketsUpToTheGreatest) {
  for (const uint64_t hash : KeyHashes()) ASSERT_LT(JumpHash(hash, UINT32_MAX), UINT32_MAX);
}

TEST(JumpRing, GivesEachNodeAsManyConsecutiveBucketsAsItsWeight) {
  const RingNode nodes[] = {{"a", 1}, {"b", 3}, {"c", 2}};
  const JumpRing ring(nodes);
  const NodeIndex owners[] = {0, 1, 1, 1, 2, 2};
  for (const uint64_t hash : KeyHashes()) ASSERT_EQ(ring.Pick(hash), owners[JumpHash(hash, 6)]);
}

TEST(JumpRing, SpreadsKeysByWeight) {
  ExpectSharesByWeight(Algorithm::kJump, WeightedNodes());
  ExpectSharesByWeight(Algorithm::kJump, EqualNodes(100));
  ExpectSharesByWeight(Algorithm::kJump, {{"small", 1}, {"large", 20}});
}

TEST(JumpRing, KeepsEveryKeyOfTheOtherNodesWhenOneComesOrGoesAtTheEndOfTheList) {
  for (const Nodes& nodes : {EqualNodes(1), EqualNodes(3), EqualNodes(100), WeightedNodes()}) {
    for (const uint32_t weight : {1, 4}) {
      Nodes more = nodes;
      more.push_back({"new", weight});
      const uint32_t owned = CountOwned(Algorithm::kJump, more, "new");
      for (const Moves& moves :
           {CountMoves(Algorithm::kJump, nodes, more, "new"), CountMoves(Algorithm::kJump, more, nodes, "new")}) {
        EXPECT_EQ(moves.needless, 0U);
        EXPECT_EQ(moves.needed, owned);
      }
    }
  }
}

TEST(JumpRing, MovesKeysOnlyToTheLastNodeWhenItGetsHeavier) {
  const Nodes nodes = WeightedNodes();
  Nodes heavier = nodes;
  heavier.back().weight += 3;
  const std::string& last = nodes.back().name;
  const Moves moves = CountMoves(Algorithm::kJump, nodes, heavier, last);
  EXPECT_EQ(moves.needless, 0U);
  EXPECT_EQ(moves.needed, CountOwned(Algorithm::kJump, heavier, last) - CountOwned(Algorithm::kJump, nodes, last));
}

// What the header warns of: the layout is the order, and a gap in it is closed by all that follow.
TEST(JumpRing, MovesManyKeysNeedlesslyWhenTheFirstOfTheListGoes) {
  Nodes fewer = EqualNodes(10);
  fewer.erase(fewer.begin());
  EXPECT_GE(CountMoves(Algorithm::kJump, EqualNodes(10), fewer, "n10").needless, kKeys / 2);
}

// Otherwise a node that fails would send all its keys to one other.
TEST(JumpRing, SpreadsTheSecondChoicesOfOneNodesKeysOverAllTheOthers) {
  const JumpRing ring(EqualNodes(5));
  std::vector<uint32_t> counts(5);
  for (const uint64_t hash : KeyHashes()) {
    if (ring.Pick(hash) == 2) ++counts[ring.PickNth(hash, 1)];
  }
  EXPECT_EQ(counts[2], 0U);
  for (const NodeIndex other : {0, 1, 3, 4}) EXPECT_NEAR(counts[other], kKeys / 20.0, 300);
}

TEST(JumpRing, ChoosesEveryNodeSometimeHoweverLightItIs) {
  const JumpRing ring(Nodes{{"a", 1000}, {"b", 1}, {"c", 1000}, {"d", 1}});
  for (uint32_t i = 0; i < 1000; ++i) {
    uint32_t chosen = 0;
    for (uint32_t attempt = 0; attempt < 4; ++attempt) chosen |= 1U << ring.PickNth(KeyHashes()[i], attempt);
    ASSERT_EQ(chosen, 0b1111U);
  }
}

}  // namespace
}  // namespace ringproxy::ring
