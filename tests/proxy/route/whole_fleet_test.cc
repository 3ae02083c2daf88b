#include "proxy/route/whole_fleet.h"

#include "tests/proxy/route/dispatcher_fixture.h"

namespace ringproxy::proxy {
namespace {

// The listener has three nodes, in two of the pools.
class WholeFleetTest : public DispatcherTest {
 protected:
  void Ask(const Words& arguments, backends::Flavour flavour = {}) {
    encoded_ = Encode(arguments);
    ASSERT_EQ(parser_.Parse(encoded_), wire::RequestParser::RespStatus::kRequest);
    const wire::Request request = parser_.request();
    const RoutedRequest routed{*wire::FindRedisCommand(request), request, {}};
    dispatcher_->whole_fleet().Ask(routed, {*held_, 0, {0, flavour}}, {0, 0, 0, Ticket::Kind::kSelect});
    FlushAll();
  }
};

TEST_F(WholeFleetTest, AsksAllNodesOfTheListenerAndIsOkWhenEachOfThemIs) {
  Ask({"SELECT", "3"});
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(Node(i).TakeWritten(), Encode({"SELECT", "3"}));
  EXPECT_EQ(Node(3).TakeWritten(), "");
  Node(0).Receive("+OK\r\n");
  Node(2).Receive("+OK\r\n");
  EXPECT_EQ(TakeReplies(), Words{});
  Node(1).Receive("+OK\r\n");
  EXPECT_EQ(TakeReplies(), Words{"+OK\r\n"});
}

TEST_F(WholeFleetTest, TellsTheErrorOfTheOneThatRefuses) {
  Ask({"SELECT", "3"});
  Node(0).Receive("+OK\r\n");
  Node(1).Receive("-ERR DB index is out of range\r\n");
  Node(2).Receive("+OK\r\n");
  EXPECT_EQ(TakeReplies(), Words{"-ERR DB index is out of range\r\n"});
}

TEST_F(WholeFleetTest, LeavesOutThoseThatAreDown) {
  Eject(1);
  Ask({"SELECT", "3"});
  EXPECT_EQ(Asked(), (std::vector<size_t>{0, 2}));
  Node(0).Receive("+OK\r\n");
  Node(2).Receive("+OK\r\n");
  EXPECT_EQ(TakeReplies(), Words{"+OK\r\n"});
}

TEST_F(WholeFleetTest, FailsWhereNoneMayBeAsked) {
  for (uint32_t i = 0; i < 3; ++i) Eject(i);
  Ask({"SELECT", "3"});
  EXPECT_TRUE(Asked().empty());
  EXPECT_EQ(TakeReplies(), Words{"node_down"});
}

TEST_F(WholeFleetTest, GoesByTheLinksOfTheFlavour) {
  for (conf::Pool& each : config_.pools) each.reconnect.rate = {1000, std::chrono::seconds(1)};
  Make();
  const size_t before = loop_.sockets();
  Ask({"SELECT", "3"}, {.database = 3, .protocol = 3});
  EXPECT_TRUE(Asked().empty()) << "none of these is plain";
  EXPECT_EQ(loop_.sockets(), before + 3);
}

TEST_F(WholeFleetTest, TellsAllNodesWhatEndsTheirScriptsWhateverIsKnownOfThem) {
  Eject(1);
  const size_t before = loop_.sockets();
  Dispatch({"SCRIPT", "KILL"});
  ASSERT_EQ(loop_.sockets(), before + 3);
  const char* const kReplies[] = {"-NOTBUSY x\r\n", "+OK\r\n", "-NOTBUSY x\r\n"};
  for (size_t i = 0; i < 3; ++i) {
    test::FakeSocket& link = loop_.socket(before + i);
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive("+PONG\r\n");
    FlushAll();
    EXPECT_EQ(link.TakeWritten(), Encode({"SCRIPT", "KILL"}));
    EXPECT_EQ(TakeReplies(), Words{});
    link.Receive(kReplies[i]);
  }
  EXPECT_TRUE(Asked().empty()) << "over the links of clients' commands";
  EXPECT_EQ(TakeReplies(), Words{"+OK\r\n"});
}

TEST_F(WholeFleetTest, KnowsWhetherThereIsButOneNode) {
  const Origin origin{*held_, 0, {}};
  EXPECT_FALSE(WholeFleet::OnlyNode(origin));
  config_.listeners[0].routes = {{"", "carts"}};
  Make();
  EXPECT_EQ(WholeFleet::OnlyNode({*held_, 0, {}}), (NodeId{1, 0}));
}

}  // namespace
}  // namespace ringproxy::proxy
