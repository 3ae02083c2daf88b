#include "backends/health/node_record.h"

#include <gtest/gtest.h>

#include <set>

namespace ringproxy::backends {
namespace {

class NodeRecordTest : public testing::Test {
 protected:
  NodeRecord node_{"main", "r0", 2};
};

TEST_F(NodeRecordTest, BeginsAsANodeThatIsAskedAndNotConnected) {
  EXPECT_EQ(node_.pool(), "main");
  EXPECT_EQ(node_.name(), "r0");
  EXPECT_EQ(node_.workers(), 2U);
  EXPECT_EQ(node_.verdict(), Verdict::kServe);
  EXPECT_EQ(node_.view.state, NodeState::kUp);
  EXPECT_EQ(node_.order, NodeOrder::kEnable);
  EXPECT_EQ(node_.Sum(&NodeStats::requests), 0U);
  EXPECT_FALSE(node_.IsConnected() || node_.IsUp() || node_.IsUsable());
}

TEST_F(NodeRecordTest, KeepsEachWorkersStatisticsApartAndAddsThemUp) {
  ASSERT_EQ(node_.workers(), 2U);
  node_.stats(0).requests.Add(3);
  node_.stats(1).requests.Add(4);
  EXPECT_EQ(node_.Sum(&NodeStats::requests), 7U);
  const auto address = [&](uint32_t worker) { return reinterpret_cast<uintptr_t>(&node_.stats(worker)); };
  EXPECT_EQ(address(0) % 64, 0U);
  EXPECT_EQ(address(1) % 64, 0U);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(&node_.verdict()) % 64, 0U);
}

TEST_F(NodeRecordTest, SaysANodeIsConnectedWhenEveryWorkerIs) {
  node_.stats(0).ready_connections.Add();
  EXPECT_FALSE(node_.IsConnected());
  node_.stats(1).ready_connections.Add();
  EXPECT_TRUE(node_.IsConnected());
  EXPECT_TRUE(node_.IsUp() && node_.IsUsable());
  node_.Publish(Verdict::kEjected);
  EXPECT_FALSE(node_.IsUsable());
  node_.view.state = NodeState::kTrial;
  EXPECT_FALSE(node_.IsUp());
}

TEST_F(NodeRecordTest, IsUsableWhileItIsDownIfThePoolGoesOnAsking) {
  for (const uint32_t worker : {0U, 1U}) node_.stats(worker).ready_connections.Add();
  node_.view.state = NodeState::kDown;
  node_.Publish(Verdict::kKeepAsking);
  EXPECT_TRUE(node_.IsUsable());
  EXPECT_FALSE(node_.IsUp());
}

TEST_F(NodeRecordTest, ShowsAVerdictWhereReadersLook) {
  const std::atomic<Verdict>& seen = node_.verdict();
  node_.Publish(Verdict::kEjected);
  EXPECT_EQ(seen.load(), Verdict::kEjected);
  EXPECT_EQ(std::as_const(node_).verdict(), Verdict::kEjected);
}

TEST(NodeState, HasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const NodeState state :
       {NodeState::kUp, NodeState::kTrial, NodeState::kDown, NodeState::kDrained, NodeState::kDisabled}) {
    names.insert(NameOf(state));
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"up", "trial", "down", "drained", "disabled"}));
}

}  // namespace
}  // namespace ringproxy::backends
