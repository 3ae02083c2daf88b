#include "backends/health/node_registry.h"

#include <gtest/gtest.h>

namespace ringproxy::backends {
namespace {

using namespace std::chrono_literals;

class NodeRegistryTest : public testing::Test {
 protected:
  bool Knows(const std::string& name) const {
    bool known = false;
    registry_.ForEach([&](const NodeRecord& node) { known = known || node.name() == name; });
    return known;
  }
  void TickAt(net::Duration time) { registry_.Tick(net::TimePoint(time)); }

  NodeRegistry registry_{2};
};

TEST_F(NodeRegistryTest, GivesOneRecordToWhoeverAsksForTheSameNames) {
  const auto node = registry_.Get("main", "r0");
  EXPECT_EQ(node, registry_.Get("main", "r0"));
  EXPECT_NE(node, registry_.Get("carts", "r0"));
  EXPECT_NE(node, registry_.Get("main", "r1"));
  EXPECT_EQ(node->pool(), "main");
  EXPECT_EQ(node->name(), "r0");
  EXPECT_EQ(registry_.size(), 3U);
}

TEST_F(NodeRegistryTest, KeepsWhatSomebodyHoldsForAsLongAsHeDoes) {
  const auto node = registry_.Get("main", "r0");
  for (net::Duration time = 0s; time < 1h; time += 5s) TickAt(time);
  EXPECT_TRUE(Knows("r0"));
  EXPECT_EQ(registry_.Get("main", "r0"), node);
}

TEST_F(NodeRegistryTest, ForgetsANodeFiveMinutesAfterTheLastHolderHasGone) {
  auto node = registry_.Get("main", "r0");
  TickAt(0s);
  node.reset();
  TickAt(10s);
  TickAt(10s + NodeRegistry::kKept - 1us);
  EXPECT_TRUE(Knows("r0"));
  TickAt(10s + NodeRegistry::kKept);
  EXPECT_FALSE(Knows("r0"));
}

TEST_F(NodeRegistryTest, TakesANodeThatComesBackInTimeForTheOneThatLeft) {
  registry_.Get("main", "r0")->stats(1).requests.Add(5);
  TickAt(0s);
  TickAt(4min);
  const auto node = registry_.Get("main", "r0");
  EXPECT_EQ(node->Sum(&NodeStats::requests), 5U);
  TickAt(6min);
  TickAt(20min);
  EXPECT_EQ(registry_.Get("main", "r0"), node);
}

TEST_F(NodeRegistryTest, KeepsTheYoungestThousandOfThoseThatHaveLeft) {
  const auto held = registry_.Get("main", "held");
  registry_.Get("main", "old");
  TickAt(0s);
  for (size_t i = 0; i < NodeRegistry::kMostDeparted; ++i) registry_.Get("main", "r" + std::to_string(i));
  TickAt(5s);
  EXPECT_EQ(registry_.size(), NodeRegistry::kMostDeparted + 1);
  EXPECT_TRUE(Knows("held"));
  EXPECT_FALSE(Knows("old"));
}

TEST_F(NodeRegistryTest, RemembersTheLoadOfEachNode) {
  const auto node = registry_.Get("main", "r0");
  TickAt(100s);
  node->stats(0).requests.Add(30);
  node->stats(1).bytes_sent.Add(200);
  node->stats(1).bytes_received.Add(300);
  TickAt(110s);
  const LoadHistory::Window minute = node->loads.Last(LoadHistory::kMinute);
  EXPECT_EQ(minute.span, 10s);
  EXPECT_EQ(minute.load.requests, 30U);
  EXPECT_EQ(minute.load.bytes, 500U);
}

}  // namespace
}  // namespace ringproxy::backends
