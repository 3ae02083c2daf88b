#include "tools/ringskew/yaml_lines.h"

#include <gtest/gtest.h>

#include "conf/parse.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {
namespace {

TEST(YamlLines, AreReadAsTheWeightsThatTheySay) {
  conf::Pool pool = *PoolOfNodes("a=3,b=5");
  pool.name = "p";
  pool.nodes[0].address = {"10.0.0.1", 6379, ""};
  pool.nodes[1].address = {"::1", 6379, ""};
  pool.ring.virtual_nodes = 16;
  const auto read =
      conf::ParseConfig("listeners: [{name: l, listen: 127.0.0.1:9, pool: p}]\n" + WeightLines(pool), "f");
  ASSERT_TRUE(read.ok()) << conf::ToString(read.errors());
  EXPECT_EQ(read->pools[0].nodes, pool.nodes);
  EXPECT_EQ(read->pools[0].ring.virtual_nodes, 16U);
}

TEST(YamlLines, SayHowManyVirtualNodesAUnitHasWhereThatIsAbsolute) {
  conf::Pool pool = *PoolOfNodes("a,b");
  pool.ring.virtual_nodes = 16;
  EXPECT_NE(WeightLines(pool).find("virtual_nodes: 16"), std::string::npos);
  pool.ring.algorithm = ring::Algorithm::kMaglev;
  EXPECT_EQ(WeightLines(pool).find("virtual_nodes"), std::string::npos);
}

TEST(YamlLines, QuoteNamesThatYamlWouldReadOtherwise) {
  conf::Pool pool = *PoolOfNodes("a{b,c\"d,e\x1b[2J");
  pool.name = "x: y";
  const std::string lines = WeightLines(pool);
  for (const char* text : {"  \"x: y\":\n", "{name: \"a{b\", ", "{name: \"c\\\"d\", ", "{name: \"e\\x1b[2J\", "}) {
    EXPECT_NE(lines.find(text), std::string::npos) << text << " in " << lines;
  }
  EXPECT_EQ(RingLines(*PoolOfNodes("a"), "hash: md5"), "pools:\n  nodes:\n    ring:\n      hash: md5\n");
}

}  // namespace
}  // namespace ringproxy::ringskew
