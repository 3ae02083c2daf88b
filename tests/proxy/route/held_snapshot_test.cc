#include "proxy/route/held_snapshot.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

class HeldSnapshotTest : public testing::Test {
 protected:
  HeldSnapshotTest() { spdlog::set_level(spdlog::level::off); }

  // With every node ready.
  std::unique_ptr<HeldSnapshot> Hold(const conf::Config& config, const HeldSnapshot* before = nullptr) {
    auto held = std::make_unique<HeldSnapshot>(MakeSnapshot(config, registry_), parts_, before, &leaving_);
    const size_t first = loop_.sockets();
    for (backends::NodePool& pool : held->node_pools) pool.Connect();
    for (size_t i = first; i < loop_.sockets(); ++i) {
      loop_.socket(i).observer->OnConnected(0);
      loop_.socket(i).Receive("+PONG\r\n");
    }
    return held;
  }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  backends::NodeRegistry registry_{1};
  test::RecordingObserver observer_;
  backends::FlushList flush_list_;
  Sink sink_;
  const backends::PoolNode::PoolNodeParts parts_{io_, sink_, flush_list_, observer_, 0};
  backends::LeavingNodes leaving_;
};

TEST_F(HeldSnapshotTest, HasTheNodesOfEachPool) {
  const auto held = Hold(ThreePools());
  ASSERT_EQ(held->node_pools.size(), 3U);
  for (size_t pool = 0; pool < 3; ++pool) {
    EXPECT_EQ(held->node_pools[pool].node_count(), (*held)->pools[pool].nodes.size());
  }
  EXPECT_EQ(&**held, held->shared.get());
  EXPECT_EQ(loop_.sockets(), 4U);
}

TEST_F(HeldSnapshotTest, IsUsedAsLongAsAnythingUnderWayNeedsIt) {
  const auto held = Hold(ThreePools());
  EXPECT_FALSE(held->is_used());
  auto first = std::make_unique<SnapshotUse>(*held);
  SnapshotUse second(*held);
  EXPECT_EQ(&*second, held.get());
  EXPECT_EQ(second->shared, held->shared);
  first.reset();
  EXPECT_TRUE(held->is_used());
  second.End();
  EXPECT_FALSE(held->is_used());
  second.End();  // It is over already.
  EXPECT_FALSE(held->is_used());
}

TEST_F(HeldSnapshotTest, IsUsedOnceByAUseThatMoves) {
  const auto held = Hold(ThreePools());
  const auto other = Hold(ThreePools());
  SnapshotUse use(*held);
  SnapshotUse moved(std::move(use));
  use.End();  // It has nothing any more.
  EXPECT_TRUE(held->is_used());
  SnapshotUse target(*other);
  target = std::move(moved);
  EXPECT_FALSE(other->is_used());
  EXPECT_TRUE(held->is_used());
  EXPECT_EQ(&*target, held.get());
  target = SnapshotUse();
  EXPECT_FALSE(held->is_used());
}

TEST_F(HeldSnapshotTest, IsInForceUntilItRetires) {
  const auto held = Hold(ThreePools());
  EXPECT_TRUE(held->is_in_force());
  held->Retire();
  EXPECT_FALSE(held->is_in_force());
}

TEST_F(HeldSnapshotTest, KeepsTheConnectionsOfTheNodesThatStayWhereverTheyStand) {
  auto before = Hold(ThreePools());
  conf::Config config = ThreePools();
  std::swap(config.pools[0].nodes[0], config.pools[0].nodes[1]);
  config.pools[0].timeouts.request = std::chrono::seconds(7);
  const auto after = Hold(config, before.get());
  before.reset();
  EXPECT_EQ(loop_.sockets(), 4U);
  EXPECT_TRUE(leaving_.empty());
  after->node_pools[0].Send(0, 0, std::string_view("x"), {});
  for (auto* connection : flush_list_) connection->Flush();
  EXPECT_TRUE(loop_.socket(1).written.ends_with("x"));
  EXPECT_FALSE(loop_.socket(0).closed());
}

TEST_F(HeldSnapshotTest, LetsTheNodesDrainThatDoNotStay) {
  auto before = Hold(ThreePools());
  before->node_pools[0].Send(1, 0, std::string_view("x"), {0, 0, 0, Ticket::Kind::kSession});
  for (auto* connection : flush_list_) connection->Flush();
  flush_list_.clear();
  conf::Config config = ThreePools();
  config.pools[0].nodes.pop_back();
  config.pools[1].nodes[0].address.port = 2;
  const auto after = Hold(config, before.get());
  before.reset();
  EXPECT_EQ(leaving_.size(), 2U);
  EXPECT_EQ(loop_.sockets(), 5U);  // One of that address is new.
  EXPECT_FALSE(loop_.socket(0).closed());
  EXPECT_FALSE(loop_.socket(1).closed());  // Its reply is awaited.
  EXPECT_TRUE(loop_.socket(2).closed());
  EXPECT_FALSE(loop_.socket(3).closed());
  loop_.socket(1).Receive("+1\r\n");
  EXPECT_EQ(sink_.replies, Words{"+1\r\n"});
  EXPECT_TRUE(loop_.socket(1).closed());
}

}  // namespace
}  // namespace ringproxy::proxy
