#include "backends/link/lane_marks.h"

#include "tests/backends/link/node_pool_lanes_fixture.h"

namespace ringproxy::backends {
namespace {

class LaneMarksTest : public NodePoolLanesTest {
 protected:
  LaneMarksTest() {
    pool_conf_.connections_per_node = 2;
    node_ = std::make_unique<PoolNode>(parts_, pool_conf_, pool_conf_.nodes[0], health_.records[0], nullptr, 0);
    node_->Connect();
    Ready(loop_.socket(0));
    Ready(loop_.socket(1));
  }
  ~LaneMarksTest() override { flush_list_.clear(); }
  LaneTable::Connections connections() { return node_->plain.connections(); }
  void SendOver(uint32_t connection, wire::Work work = wire::Work::kPlain) {
    connections()[connection]->Send(std::string_view("x"), {0, 0, 0, Ticket::Kind::kSession}, work);
    FlushAll();
  }

  std::unique_ptr<PoolNode> node_;
};

TEST_F(LaneMarksTest, TellWhoWaitsOnWhichConnection) {
  SendOver(1);
  LaneMarks marks(connections());
  // What was sent before may be anybody's.
  EXPECT_FALSE(marks.Waits(connections(), 0, 7));
  EXPECT_TRUE(marks.Waits(connections(), 1, 7));
  loop_.socket(1).Receive("+x\r\n");
  EXPECT_FALSE(marks.Waits(connections(), 1, 7));
  SendOver(1);
  marks.Note(connections(), 1, 7, false);
  EXPECT_TRUE(marks.Waits(connections(), 1, 7));
  EXPECT_FALSE(marks.Waits(connections(), 0, 7));
  EXPECT_FALSE(marks.Waits(connections(), 1, 8));
  EXPECT_TRUE(marks.Waits(connections(), 1, 7 + LaneMarks::kPlaces)) << "it shares the place";
  loop_.socket(1).Receive("+x\r\n");
  EXPECT_FALSE(marks.Waits(connections(), 1, 7));
}

TEST_F(LaneMarksTest, WhoHasReadATimeoutWaitsNoLonger) {
  LaneMarks marks(connections());
  SendOver(0);
  marks.Note(connections(), 0, 7, false);
  loop_.Advance(pool_conf_.timeouts.request);
  ASSERT_EQ(sink_.failures, 1U);
  EXPECT_FALSE(marks.Waits(connections(), 0, 7));
}

TEST_F(LaneMarksTest, WhoWaitsForAScriptWaitsThoughSomethingBehindItHasTimedOut) {
  LaneMarks marks(connections());
  SendOver(0, wire::Work::kScript);
  marks.Note(connections(), 0, 7, true);
  SendOver(0);
  marks.Note(connections(), 0, 7, false);
  SendOver(0);
  marks.Note(connections(), 0, 8, false);
  loop_.Advance(pool_conf_.timeouts.request);
  ASSERT_EQ(sink_.failures, 2U);
  EXPECT_TRUE(marks.Waits(connections(), 0, 7));
  EXPECT_FALSE(marks.Waits(connections(), 0, 8));
  for (net::Duration rest = pool_conf_.timeouts.heavy; rest > 0s; rest -= 1s) loop_.Advance(1s);
  ASSERT_EQ(sink_.failures, 3U);
  EXPECT_FALSE(marks.Waits(connections(), 0, 7));
}

}  // namespace
}  // namespace ringproxy::backends
