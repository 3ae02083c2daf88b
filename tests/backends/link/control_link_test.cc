#include "backends/link/control_link.h"

#include "tests/backends/link/flavours_fixture.h"

namespace ringproxy::backends {
namespace {

class ControlLinkTest : public FlavoursTest {
 protected:
  void Say(uint32_t slot) {
    const std::string word = std::to_string(slot) + ";";
    pool_->BesideRequests(0).control.Send(word, {0, 0, slot, Ticket::Kind::kSession});
  }
  // It is ready and idle.
  test::FakeSocket& Open() {
    Say(0);
    test::FakeSocket& link = GreetNewest({});
    link.TakeWritten();
    link.Receive("+opened\r\n");
    TakeOutcomes();
    return link;
  }
  void Tick(std::chrono::seconds times) {
    for (; times.count() > 0; --times) pool_->Tick();
  }
};

TEST_F(ControlLinkTest, OpensWhenItIsFirstNeededAndCarriesAllWords) {
  Start();
  ASSERT_EQ(loop_.sockets(), 1U);
  Say(1);
  ASSERT_EQ(loop_.sockets(), 2U);
  test::FakeSocket& link = GreetNewest({});
  Say(2);
  FlushAll();
  EXPECT_EQ(link.TakeWritten(), "1;2;");
  link.Receive("+a\r\n+b\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+a\r\n"}, {2, "+b\r\n"}}));
  EXPECT_EQ(loop_.sockets(), 2U);
}

TEST_F(ControlLinkTest, NothingThatTheOtherLinksHoldStandsBeforeIt) {
  Start();
  test::FakeSocket& plain = loop_.socket(0);
  const auto lease = pool_->Pin(0, {}, std::nullopt);
  test::FakeSocket& own = GreetNewest({});
  // The node reads nothing of these.
  plain.room = own.room = 0;
  for (uint32_t slot = 1; slot < 100; ++slot) SendIn({}, slot);
  lease->Send(std::string_view("wait;"), {0, 0, 100, Ticket::Kind::kSession});
  FlushAll();
  lease->SendBeside("unblock;", {0, 0, 101, Ticket::Kind::kSession});
  test::FakeSocket& link = GreetNewest({});
  EXPECT_EQ(link.TakeWritten(), "unblock;");
  link.Receive(":1\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{101, ":1\r\n"}}));
  EXPECT_EQ(plain.TakeWritten() + own.TakeWritten(), "");
}

TEST_F(ControlLinkTest, OpensWhileAScriptKeepsTheNodeBusy) {
  Start();
  Say(1);
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.TakeWritten();
  link.Receive("-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n");
  FlushAll();
  EXPECT_EQ(link.TakeWritten(), "1;");
  link.Receive("+OK\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+OK\r\n"}}));
}

TEST_F(ControlLinkTest, ANodeThatSeemsToBeDownIsToldToo) {
  Start();
  test::FakeSocket& link = Open();
  health_.Publish(0, Verdict::kEjected);
  ASSERT_FALSE(Admits(0, kRead));
  Say(1);
  FlushAll();
  EXPECT_EQ(link.TakeWritten(), "1;");
}

TEST_F(ControlLinkTest, OneThatBreaksFailsWhatWasOnItAndComesBack) {
  Start();
  test::FakeSocket& link = Open();
  Say(1);
  FlushAll();
  link.ReceiveEnd();
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "node_down"}}));
  EXPECT_EQ(recorder_.may_have_run, std::vector<bool>{true});
  Say(2);
  EXPECT_EQ(GreetNewest({}).TakeWritten(), "2;");
}

TEST_F(ControlLinkTest, AnIdleOneThatIsLostIsNotKept) {
  Start();
  Open().ReceiveEnd();
  test::FakeSocket& again = GreetNewest({});
  Tick(1s);
  EXPECT_TRUE(again.closed());
}

TEST_F(ControlLinkTest, OneThatWasLostComesBackForAWordWithoutWaitingForTheRate) {
  pool_conf_.reconnect.rate = {1, 1min};
  Start();
  test::FakeSocket& link = Open();
  loop_.Advance(1s);
  link.ReceiveEnd();
  const size_t sockets = loop_.sockets();
  // Nobody needs it yet.
  loop_.Advance(1s);
  ASSERT_EQ(loop_.sockets(), sockets);
  Say(1);
  ASSERT_EQ(loop_.sockets(), sockets + 1);
  EXPECT_EQ(GreetNewest({}).TakeWritten(), "1;");
}

TEST_F(ControlLinkTest, ANodeThatRefusesItIsNotAskedForItAgainByEachWord) {
  Start();
  Say(1);
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  const size_t sockets = loop_.sockets();
  for (uint32_t slot = 2; slot < 10; ++slot) Say(slot);
  EXPECT_EQ(loop_.sockets(), sockets);
}

TEST_F(ControlLinkTest, OneThatCannotBeHadFailsWhatWaitsForIt) {
  Start();
  Say(1);
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "node_down"}}));
  EXPECT_EQ(recorder_.may_have_run, std::vector<bool>{false});
}

TEST_F(ControlLinkTest, ClosesWhenNobodyHasNeededItForAWhileAndOpensAnew) {
  Start();
  test::FakeSocket& link = Open();
  Tick(ControlLink::kKept - 1s);
  EXPECT_FALSE(link.closed());
  Say(1);
  FlushAll();
  // Not as long as something is to come.
  Tick(2 * ControlLink::kKept);
  EXPECT_FALSE(link.closed());
  link.Receive("+a\r\n");
  Tick(ControlLink::kKept);
  EXPECT_TRUE(link.closed());
  TakeOutcomes();
  Say(2);
  test::FakeSocket& next = GreetNewest({});
  EXPECT_NE(&next, &link);
  EXPECT_EQ(next.TakeWritten(), "2;");
}

TEST_F(ControlLinkTest, ANodeThatIsLeftDrainsIt) {
  Start();
  test::FakeSocket& link = Open();
  Say(1);
  FlushAll();
  pool_->Disable(*health_.records[0]);
  EXPECT_FALSE(link.closed());
  Say(2);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "node_down"}}));
  link.Receive("+a\r\n");
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+a\r\n"}}));
  const size_t sockets = loop_.sockets();
  Say(3);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{3, "node_down"}}));
  EXPECT_EQ(loop_.sockets(), sockets);
  pool_->Enable(*health_.records[0]);
  Ready(loop_.last_socket());
  Say(4);
  EXPECT_EQ(GreetNewest({}).TakeWritten(), "4;");
}

TEST_F(ControlLinkTest, ANodeThatLeavesIsGoneOnlyWhenItIsClosed) {
  Start();
  test::FakeSocket& link = Open();
  Say(1);
  FlushAll();
  // The pool has another node in its place.
  pool_conf_.nodes[0].address.port = 4711;
  LeavingNodes leaving;
  {
    const NodePool next(flavour_parts_, pool_conf_, *ring_, health_.records, &*pool_, &leaving);
    ASSERT_EQ(leaving.size(), 1U);
    EXPECT_FALSE(leaving[0]->is_closed());
    EXPECT_EQ(leaving[0]->in_flight(), 1U);
    link.Receive("+a\r\n");
    EXPECT_TRUE(link.closed());
    EXPECT_TRUE(leaving[0]->is_closed());
    flush_list_.clear();
  }
}

}  // namespace
}  // namespace ringproxy::backends
