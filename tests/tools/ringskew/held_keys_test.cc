#include "tools/ringskew/held_keys.h"

#include <gtest/gtest.h>

namespace ringproxy::ringskew {
namespace {

class HeldKeysTest : public testing::Test {
 protected:
  HeldKeysTest() { report_.nodes.resize(nodes_.size()); }
  void Add(const std::string& key, uint32_t holder, ring::NodeIndex owner) {
    held_.Add({.key = key, .holder = holder}, owner, nodes_);
  }

  std::vector<conf::Node> nodes_ = PoolOfNodes("a,b,c")->nodes;
  HeldKeys held_{nodes_.size()};
  Report report_;
};

TEST_F(HeldKeysTest, SayNothingOfKeysThatCameFromNoNode) {
  held_.AddTo(report_);
  EXPECT_FALSE(report_.misplaced);
}

TEST_F(HeldKeysTest, CountTheMisplacedByTheNodeThatHoldsThem) {
  Add("right", 0, 0);
  Add("wrong", 0, 2);
  Add("wrong too", 0, 1);
  Add("astray", 1, 2);
  held_.AddTo(report_);
  ASSERT_TRUE(report_.misplaced);
  EXPECT_EQ(report_.misplaced->keys, 3U);
  EXPECT_DOUBLE_EQ(report_.misplaced->share, 0.75);
  EXPECT_EQ(report_.nodes[0].misplaced, 2U);
  EXPECT_EQ(report_.nodes[1].misplaced, 1U);
  EXPECT_EQ(report_.nodes[2].misplaced, 0U);
}

TEST_F(HeldKeysTest, KeepTheFirstFewAsExamples) {
  for (int i = 0; i < 100; ++i) Add("key " + std::to_string(i), 0, 1);
  held_.AddTo(report_);
  ASSERT_EQ(report_.misplaced->examples.size(), 5U);
  EXPECT_EQ(report_.misplaced->examples[4].key, "key 4");
  EXPECT_EQ(report_.misplaced->examples[4].node, "a");
  EXPECT_EQ(report_.misplaced->examples[4].owner, "b");
}

}  // namespace
}  // namespace ringproxy::ringskew
