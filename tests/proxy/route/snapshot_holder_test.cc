#include "proxy/route/snapshot_holder.h"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

class SnapshotHolderTest : public testing::Test {
 protected:
  SnapshotHolderTest() {
    spdlog::set_level(spdlog::level::off);
    holder_.Start(New(ThreePools()));
    Connect();
  }

  std::shared_ptr<const Snapshot> New(conf::Config config) { return MakeSnapshot(std::move(config), registry_); }
  static conf::Config WithoutANode() {
    conf::Config config = ThreePools();
    config.pools[0].nodes.pop_back();
    return config;
  }
  // Every node that is new is ready then.
  void Connect() {
    const size_t first = loop_.sockets();
    for (backends::NodePool& pool : holder_.held()->node_pools) pool.Connect();
    for (size_t i = first; i < loop_.sockets(); ++i) {
      loop_.socket(i).observer->OnConnected(0);
      loop_.socket(i).Receive("+PONG\r\n");
    }
  }
  // Something is under way to the node that WithoutANode does not have.
  void SendToTheSecondNode() {
    holder_.held()->node_pools[0].Send(1, 0, std::string_view("x"), {0, 0, 0, Ticket::Kind::kSession});
    for (auto* connection : flush_list_) connection->Flush();
    flush_list_.clear();
  }
  const Snapshot* InForce() const { return holder_.held()->shared.get(); }

  test::FakeLoop loop_;
  backends::WorkerIo io_{.loop = loop_, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(1)};
  backends::NodeRegistry registry_{1};
  test::RecordingObserver observer_;
  backends::FlushList flush_list_;
  Sink sink_;
  std::vector<std::shared_ptr<const Snapshot>> handed_back_;
  SnapshotHolder holder_{{io_, sink_, flush_list_, observer_, 0},
                         [this](std::shared_ptr<const Snapshot> old) { handed_back_.push_back(std::move(old)); }};
};

TEST_F(SnapshotHolderTest, HasNothingToDoUntilAnotherSnapshotComes) {
  EXPECT_FALSE(holder_.has_work());
  EXPECT_FALSE(holder_.Change());
  holder_.GiveBack(true);
  EXPECT_TRUE(handed_back_.empty());
  EXPECT_EQ(InForce()->pools.size(), 3U);
}

TEST_F(SnapshotHolderTest, ChangesAtTheEndOfATurnAndNotBefore) {
  const Snapshot* const first = InForce();
  const std::unique_ptr<HeldSnapshot>& place = holder_.held();
  const auto next = New(ThreePools());
  holder_.Adopt(next);
  EXPECT_EQ(InForce(), first);
  EXPECT_TRUE(holder_.has_work());
  EXPECT_TRUE(holder_.Change());
  EXPECT_EQ(InForce(), next.get());
  EXPECT_EQ(&holder_.held(), &place) << "who holds the reference sees the new one";
  EXPECT_TRUE(holder_.held()->is_in_force());
  EXPECT_FALSE(holder_.Change()) << "once";
}

TEST_F(SnapshotHolderTest, HandsBackTheOldOneAndKeepsNoHoldOnIt) {
  const std::weak_ptr<const Snapshot> first = holder_.held()->shared;
  holder_.Adopt(New(ThreePools()));
  holder_.Change();
  EXPECT_EQ(holder_.old_snapshots(), 1U);
  EXPECT_TRUE(handed_back_.empty());
  holder_.GiveBack(true);
  EXPECT_EQ(holder_.old_snapshots(), 0U);
  ASSERT_EQ(handed_back_.size(), 1U);
  EXPECT_EQ(handed_back_[0], first.lock());
  handed_back_.clear();
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(holder_.has_work());
}

TEST_F(SnapshotHolderTest, OfTwoThatComeInOneTurnTheFirstIsHandedBackUnused) {
  const auto passed_over = New(WithoutANode());
  const auto last = New(ThreePools());
  holder_.Adopt(passed_over);
  holder_.Adopt(last);
  ASSERT_EQ(handed_back_.size(), 1U);
  EXPECT_EQ(handed_back_[0], passed_over);
  EXPECT_TRUE(holder_.Change());
  EXPECT_EQ(InForce(), last.get());
  EXPECT_EQ(holder_.leaving_nodes(), 0U);
}

TEST_F(SnapshotHolderTest, KeepsEachOldOneForAsLongAsSomethingWaitsByIt) {
  SnapshotUse by_first(*holder_.held());
  const auto second = New(ThreePools());
  holder_.Adopt(second);
  holder_.Change();
  EXPECT_FALSE(by_first->is_in_force());
  SnapshotUse by_second(*holder_.held());
  holder_.Adopt(New(ThreePools()));
  holder_.Change();
  holder_.GiveBack(true);
  EXPECT_EQ(holder_.old_snapshots(), 2U);
  EXPECT_TRUE(holder_.has_work());
  by_second.End();
  holder_.GiveBack(true);
  EXPECT_EQ(handed_back_, std::vector{second}) << "in whatever order they are done with";
  EXPECT_EQ(by_first->shared->pools.size(), 3U);
  by_first.End();
  holder_.GiveBack(true);
  EXPECT_EQ(handed_back_.size(), 2U);
  EXPECT_FALSE(holder_.has_work());
}

TEST_F(SnapshotHolderTest, NodesThatStayKeepTheirConnections) {
  const size_t sockets = loop_.sockets();
  holder_.Adopt(New(ThreePools()));
  holder_.Change();
  Connect();
  EXPECT_EQ(loop_.sockets(), sockets);
  holder_.GiveBack(true);
  for (size_t i = 0; i < sockets; ++i) EXPECT_FALSE(loop_.socket(i).closed());
}

TEST_F(SnapshotHolderTest, KeepsANodeThatLeavesUntilItHasAnswered) {
  SendToTheSecondNode();
  holder_.Adopt(New(WithoutANode()));
  holder_.Change();
  holder_.GiveBack(true);
  EXPECT_EQ(handed_back_.size(), 1U) << "the node needs no snapshot";
  EXPECT_EQ(holder_.leaving_nodes(), 1U);
  EXPECT_TRUE(holder_.has_work());
  EXPECT_FALSE(loop_.socket(1).closed());
  loop_.socket(1).Receive("+1\r\n");
  EXPECT_EQ(sink_.replies, Words{"+1\r\n"});
  holder_.GiveBack(false);
  EXPECT_EQ(holder_.leaving_nodes(), 1U) << "a list of links to be flushed may name it still";
  holder_.GiveBack(true);
  EXPECT_EQ(holder_.leaving_nodes(), 0U);
  EXPECT_FALSE(holder_.has_work());
}

TEST_F(SnapshotHolderTest, ANodeThatComesBackWhileItDrainsIsConnectedToAnew) {
  SendToTheSecondNode();
  for (const conf::Config& config : {WithoutANode(), ThreePools()}) {
    holder_.Adopt(New(config));
    holder_.Change();
    Connect();
    holder_.GiveBack(true);
  }
  EXPECT_EQ(loop_.sockets(), 5U);
  EXPECT_EQ(holder_.leaving_nodes(), 1U);
  loop_.socket(1).Receive("+1\r\n");
  holder_.GiveBack(true);
  EXPECT_EQ(holder_.leaving_nodes(), 0U);
  EXPECT_FALSE(loop_.last_socket().closed());
}

}  // namespace
}  // namespace ringproxy::proxy
