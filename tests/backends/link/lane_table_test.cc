#include "backends/link/lane_table.h"

#include <map>

#include "tests/backends/link/node_pool_lanes_fixture.h"

namespace ringproxy::backends {
namespace {

class LaneTableTest : public NodePoolLanesTest {
 protected:
  // A table over a node of its own, of so many connections; the first `ready` of them are ready.
  void MakeTable(uint32_t connections, size_t ready) {
    pool_conf_.connections_per_node = connections;
    first_ = loop_.sockets();
    node_ = std::make_unique<PoolNode>(parts_, pool_conf_, pool_conf_.nodes[0], health_.records[0], nullptr, 0);
    node_->Connect();
    for (size_t i = 0; i < ready; ++i) Ready(loop_.socket(first_ + i));
  }
  uint32_t ConnectionOf(uint32_t lane) {
    return node_->plain.lanes().Find(node_->plain.connections(), lane).connection;
  }

  std::unique_ptr<PoolNode> node_;
};

TEST_F(LaneTableTest, GivesEachConnectionAsManyLanes) {
  MakeTable(4, 4);
  std::map<uint32_t, int> lanes;
  for (uint32_t lane = 0; lane < 400; ++lane) ++lanes[ConnectionOf(lane)];
  EXPECT_EQ(lanes, (std::map<uint32_t, int>{{0, 100}, {1, 100}, {2, 100}, {3, 100}}));
}

TEST_F(LaneTableTest, KeepsALaneWhereItIs) {
  MakeTable(4, 4);
  for (uint32_t lane = 0; lane < 100; ++lane) {
    const uint32_t connection = ConnectionOf(lane);
    EXPECT_EQ(ConnectionOf(lane), connection);
    // Lanes share places, eight for each connection.
    EXPECT_EQ(&node_->plain.lanes().Find(node_->plain.connections(), lane),
              &node_->plain.lanes().Find(node_->plain.connections(), lane + 32));
  }
}

TEST_F(LaneTableTest, LeavesHomeOnlyWhileThatIsNotReady) {
  MakeTable(2, 2);
  ASSERT_EQ(ConnectionOf(1), 1U);
  loop_.socket(first_ + 1).ReceiveEnd();
  EXPECT_EQ(ConnectionOf(1), 0U);
  EXPECT_EQ(ConnectionOf(0), 0U);
  for (int ms = 0; ms < 5000 && loop_.last_socket().closed(); ++ms) loop_.Advance(1ms);
  ASSERT_FALSE(loop_.last_socket().closed());
  EXPECT_EQ(ConnectionOf(1), 0U);
  Ready(loop_.last_socket());
  EXPECT_EQ(ConnectionOf(1), 1U);
}

TEST_F(LaneTableTest, WaitsForTheConnectionThatIsBeingOpenedWhereNoneIsReadyAndAtHomeWhereNoneWillBe) {
  MakeTable(2, 0);
  EXPECT_EQ(ConnectionOf(0), 0U);
  EXPECT_EQ(ConnectionOf(1), 0U);  // Its home is opened once the first one is ready.
  node_->Drain();
  EXPECT_EQ(ConnectionOf(0), 0U);
  EXPECT_EQ(ConnectionOf(1), 1U);
}

TEST_F(LaneTableTest, PrefersAConnectionThatIsBeingOpenedToOneThatWaitsForThat) {
  pool_conf_.reconnect.rate = {10, 1s};
  MakeTable(4, 4);
  loop_.Advance(1s);
  LinkGroup& links = *node_->LinksOf({.database = 1, .protocol = 2});
  // Of the four the first has been allowed.
  ASSERT_EQ(loop_.sockets(), first_ + 5);
  EXPECT_EQ(links.lanes().Find(links.connections(), 2).connection, 0U);
}

TEST_F(LaneTableTest, GathersWhoWaitsForAConnectionAtOneOfThem) {
  pool_conf_.reconnect.rate = {10, 1s};
  MakeTable(4, 4);
  LinkGroup& links = *node_->LinksOf({.database = 1, .protocol = 2});
  ASSERT_EQ(loop_.sockets(), first_ + 4);
  links.Send(2, std::string_view("x"), {0, 0, 0, Ticket::Kind::kSession}, {});
  EXPECT_EQ(links.lanes().Find(links.connections(), 3).connection, 2U);
  // Which goes before the others as soon as there is a token.
  for (int ms = 0; ms < 130; ++ms) loop_.Advance(1ms);
  EXPECT_EQ(links.connections()[2]->state(), LinkState::kConnecting);
}

TEST_F(LaneTableTest, ServesEveryLaneByTheConnectionThatIsReady) {
  MakeOne(32);
  Ready(loop_.socket(first_));
  for (uint32_t lane = 0; lane < 100; ++lane) SendOn(lane, "x");
  EXPECT_EQ(Written(), (Bytes{{0, std::string(100, 'x')}}));
  EXPECT_EQ(sink_.failures, 0U);
}

TEST_F(LaneTableTest, KeepsTheOrderOfALaneThatGoesHome) {
  MakeOne(2);
  Ready(loop_.socket(first_));
  SendOn(1, "a");
  EXPECT_EQ(Written(), (Bytes{{0, "a"}}));
  Ready(loop_.socket(first_ + 1));  // Its home; but `a` is still under way elsewhere.
  SendOn(1, "b");
  SendOn(3, "c");  // Another lane of that home.
  EXPECT_EQ(Written(), (Bytes{{0, "b"}, {1, "c"}}));
  Node(0).Receive("+a\r\n");
  SendOn(1, "d");
  EXPECT_EQ(Written(), (Bytes{{0, "d"}}));
  Node(0).Receive("+b\r\n+d\r\n");
  SendOn(1, "e");
  EXPECT_EQ(Written(), (Bytes{{1, "e"}}));
}

TEST_F(LaneTableTest, KeepsTheOrderOfWhatWaitsForAConnection) {
  MakeOneReady(2);
  Node(1).ReceiveEnd();
  SendOn(0, "a");
  SendOn(1, "b");  // Its home is being opened again: the other one is ready.
  EXPECT_EQ(Written(), (Bytes{{0, "ab"}}));
  CloseAll();
  EXPECT_EQ(sink_.failures, 2U);
  SendOn(1, "c");  // None is ready: it waits for the attempt under way.
  RefuseAll();
  EXPECT_EQ(sink_.failures, 3U);
}

TEST_F(LaneTableTest, KeepsARequestThatTimedOutBeforeItsSuccessor) {
  MakeOneReady(2);
  Node(1).ReceiveEnd();
  SendOn(1, "a");
  EXPECT_EQ(Written(), (Bytes{{0, "a"}}));
  loop_.Advance(pool_conf_.timeouts.request);
  EXPECT_EQ(sink_.failures, 1U);
  ReadyAll();
  SendOn(1, "b");  // The node may still be at work on `a`.
  EXPECT_EQ(Written(), (Bytes{{0, "b"}}));
}

TEST_F(LaneTableTest, SpreadsTheLanesOfALostConnectionOverTheOthers) {
  MakeOneReady(4);
  Node(3).ReceiveEnd();
  for (uint32_t lane = 3; lane < 32; lane += 4) SendOn(lane, "x");
  const Bytes written = Written();
  EXPECT_EQ(written.size(), 3U);
  for (const auto& [socket, bytes] : written) EXPECT_LE(bytes.size(), 4U);
}

}  // namespace
}  // namespace ringproxy::backends
