#include "proxy/route/fleet_scan.h"

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

std::string Page(uint64_t cursor, const Words& keys) {
  const std::string number = std::to_string(cursor);
  std::string page =
      "*2\r\n$" + std::to_string(number.size()) + "\r\n" + number + "\r\n*" + std::to_string(keys.size()) + "\r\n";
  for (const std::string& key : keys) page += "$" + std::to_string(key.size()) + "\r\n" + key + "\r\n";
  return page;
}

// The listener has three nodes, in two of the pools.
class FleetScanTest : public DispatcherTest {
 protected:
  FleetScanTest() {
    const ScanOrder& order = snapshot_->listeners[0].scan_order;
    // Nodes are counted over all pools, of which the first one has two.
    for (auto place = order.Find(0); place; place = order.After(*place)) {
      visited_.push_back(place->pool * 2 + place->node);
      turns_.push_back(place->turn);
    }
  }
  uint64_t Cursor(size_t visit, uint64_t own) const { return ClientCursor(own, turns_[visit]).value(); }
  std::string Ask(uint64_t cursor) {
    Dispatch({"SCAN", std::to_string(cursor)});
    const std::vector<size_t> asked = Asked();
    return asked.empty() ? "nobody" : std::to_string(asked[0]) + (asked.size() > 1 ? " and more" : "");
  }

  std::vector<uint32_t> visited_;  // The nodes in their order.
  std::vector<ScanTurn> turns_;
};

TEST_F(FleetScanTest, AsksOneNodeAfterTheOtherUntilZero) {
  ASSERT_EQ(visited_.size(), 3u);
  Dispatch({"SCAN", "0", "MATCH", "a*", "COUNT", "5", "TYPE", "string"});
  EXPECT_EQ(Node(visited_[0]).TakeWritten(), Encode({"SCAN", "0", "MATCH", "a*", "COUNT", "5", "TYPE", "string"}));
  EXPECT_TRUE(Asked().empty());
  Node(visited_[0]).Receive(Page(9, {"a1", "a2"}));
  EXPECT_EQ(TakeReplies(), Words{Page(Cursor(0, 9), {"a1", "a2"})});

  Dispatch({"scan", std::to_string(Cursor(0, 9)), "COUNT", "7"});
  EXPECT_EQ(Node(visited_[0]).TakeWritten(), Encode({"scan", "9", "COUNT", "7"}));
  Node(visited_[0]).Receive(Page(0, {}));
  EXPECT_EQ(TakeReplies(), Words{Page(turns_[1].tag, {})});

  EXPECT_EQ(Ask(turns_[1].tag), std::to_string(visited_[1]));
  Node(visited_[1]).Receive(Page(0, {"b"}));
  EXPECT_EQ(TakeReplies(), Words{Page(turns_[2].tag, {"b"})});
  EXPECT_EQ(Ask(turns_[2].tag), std::to_string(visited_[2]));
  Node(visited_[2]).Receive(Page(0, {"c"}));
  EXPECT_EQ(TakeReplies(), Words{Page(0, {"c"})});
}

TEST_F(FleetScanTest, NamesANodeThatIsDownAndGoesOnWithTheSameCursorOnceItIsBack) {
  Eject(visited_[1]);
  EXPECT_EQ(Ask(Cursor(1, 5)), "nobody");
  EXPECT_EQ(TakeReplies(), Words{"node_down"});
  Publish(visited_[1], Verdict::kServe);
  EXPECT_EQ(Ask(Cursor(1, 5)), std::to_string(visited_[1]));
}

TEST_F(FleetScanTest, LeavesNodesThatAreDownOutWhereItMayAndCountsThem) {
  for (conf::Pool& each : config_.pools) each.scan.skip_down = true;
  Make();
  Eject(visited_[0]);
  EXPECT_EQ(Ask(0), std::to_string(visited_[1]));
  Node(visited_[1]).Receive(Page(0, {}));
  EXPECT_EQ(TakeReplies(), Words{Page(turns_[2].tag, {})});
  Eject(visited_[2]);
  EXPECT_EQ(Ask(turns_[2].tag), "nobody");
  EXPECT_EQ(TakeReplies(), Words{Page(0, {})});
  EXPECT_EQ(Stats(visited_[0]).scans_skipped.value(), 1u);
  EXPECT_EQ(Stats(visited_[1]).scans_skipped.value(), 0u);
  EXPECT_EQ(Stats(visited_[2]).scans_skipped.value(), 1u);
}

TEST_F(FleetScanTest, IsOverWithACursorBehindTheLastNode) {
  EXPECT_EQ(Ask(turns_[2].tag + 1u), "nobody");
  EXPECT_EQ(TakeReplies(), Words{Page(0, {})});
}

TEST_F(FleetScanTest, RefusesWhatIsNoCursorAsRedisDoes) {
  for (const char* bad : {"x", " 1", "18446744073709551616"}) {
    Dispatch({"SCAN", bad});
    EXPECT_TRUE(Asked().empty());
    EXPECT_EQ(TakeReplies(), Words{"-ERR invalid cursor\r\n"});
  }
}

TEST_F(FleetScanTest, PassesTheNodesErrorsOnAndGivesNobodyWhatIsNoPage) {
  const std::string does_not_fit = [] {
    std::string text;
    wire::AppendRedisError({wire::ErrorCode::kBadReply}, &text);
    return text;
  }();
  const auto answer = [this](const std::string& reply) {
    Dispatch({"SCAN", "0"});
    Node(visited_[0]).TakeWritten();
    Node(visited_[0]).Receive(reply);
    const Words replies = TakeReplies();
    return replies.size() == 1 ? replies[0] : "not one";
  };
  EXPECT_EQ(answer("-ERR syntax error\r\n"), "-ERR syntax error\r\n");
  EXPECT_EQ(answer(Page(uint64_t{1} << 48, {"k"})), "-ERR node cursor too large\r\n");
  EXPECT_EQ(answer(Page(~uint64_t{0}, {"k"})), "-ERR node cursor too large\r\n");
  for (const char* odd :
       {"*-1\r\n", "*0\r\n", "*1\r\n$1\r\n0\r\n", "*2\r\n:0\r\n*0\r\n", "*2\r\n$-1\r\n*0\r\n",
        "*2\r\n$1\r\nx\r\n*0\r\n", "*2\r\n$2\r\n-1\r\n*0\r\n", "*2\r\n$0\r\n\r\n*0\r\n", "*2\r\n$1\r\n0\r\n$1\r\nk\r\n",
        "*2\r\n$1\r\n0\r\n*-1\r\n", "*3\r\n$1\r\n0\r\n*0\r\n*0\r\n", "%1\r\n$1\r\n0\r\n*0\r\n"}) {
    EXPECT_EQ(answer(odd), does_not_fit) << odd;
  }
  // What is no array at all belongs to another command, and breaks the link.
  EXPECT_EQ(answer("+OK\r\n"), "-NODEDOWN node carts0 of pool carts is down\r\n");
}

TEST_F(FleetScanTest, WorksTheSameWithASingleNode) {
  config_.listeners[0].routes = {{"", "carts"}};
  Make();
  const ScanTag tag = snapshot_->listeners[0].scan_order.Find(0)->turn.tag;
  EXPECT_EQ(Ask(0), "2");
  Node(2).Receive(Page(3, {"k"}));
  EXPECT_EQ(TakeReplies(), Words{Page(3 << 16 | tag, {"k"})});
}

}  // namespace
}  // namespace ringproxy::proxy
