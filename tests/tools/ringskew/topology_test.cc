#include "tools/ringskew/topology.h"

#include <gtest/gtest.h>

namespace ringproxy::ringskew {
namespace {

std::string Names(const conf::Pool& pool) {
  std::string names;
  for (const conf::Node& node : pool.nodes) names += node.name + "=" + std::to_string(node.weight) + " ";
  return names;
}

TEST(Topology, ReadsNodesAndWeights) {
  const auto pool = PoolOfNodes("a,b=2,10.0.0.1:6379");
  ASSERT_TRUE(pool.ok());
  EXPECT_EQ(Names(*pool), "a=1 b=2 10.0.0.1:6379=1 ");
  EXPECT_EQ(PointsOf(*pool), 4U * 1024);
}

TEST(Topology, KnowsThePointsOfAKetamaRing) {
  conf::Pool pool = *PoolOfNodes("a,b=2");
  pool.ring.algorithm = ring::Algorithm::kKetama;
  // 160 a node on average, shared by weight and rounded down to fours.
  EXPECT_EQ(PointsOf(pool), 104U + 212U);
  EXPECT_EQ(MakeTopology(pool).memory_bytes(), (104U + 212U) * 8);
}

TEST(Topology, RefusesNodesThatCannotBe) {
  EXPECT_EQ(PoolOfNodes("a,b=x").errors(), "the weight of b is x, not a number from 1 to 1000");
  EXPECT_EQ(PoolOfNodes("a,b=0").errors(), "the weight of b is 0, not a number from 1 to 1000");
  EXPECT_EQ(PoolOfNodes("a,a").errors(), "node a stands twice in --nodes");
  EXPECT_EQ(PoolOfNodes("a,,b").errors(), "a node without a name in ");
}

TEST(Change, MakesThePoolThatWouldBe) {
  const Change change{.add = {"d=3"}, .remove = {"a"}, .weight = {"b=5"}, .algorithm = {}, .virtual_nodes = 64};
  const auto changed = Changed(*PoolOfNodes("a,b,c"), change);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(Names(*changed), "b=5 c=1 d=3 ");
  EXPECT_EQ(changed->ring.virtual_nodes, 64U);
  EXPECT_EQ(change.ToString(), "add d=3, remove a, weight b=5, 64 virtual nodes");
}

TEST(Change, RefusesWhatDoesNotFit) {
  const conf::Pool pool = *PoolOfNodes("a,b");
  EXPECT_EQ(Changed(pool, {.add = {}, .remove = {"x"}, .weight = {}, .algorithm = {}, .virtual_nodes = {}}).errors(),
            "no node is called x; there are a, b");
  EXPECT_EQ(Changed(pool, {.add = {"a"}, .remove = {}, .weight = {}, .algorithm = {}, .virtual_nodes = {}}).errors(),
            "node a is there already");
  EXPECT_EQ(
      Changed(pool, {.add = {}, .remove = {"a", "b"}, .weight = {}, .algorithm = {}, .virtual_nodes = {}}).errors(),
      "no node is left");
}

}  // namespace
}  // namespace ringproxy::ringskew
