#include "backends/link/flavour_table.h"

#include "tests/backends/link/flavours_fixture.h"
#include "tests/support/counting_allocator.h"

namespace ringproxy::backends {
namespace {

using FlavourTableTest = FlavoursTest;

TEST_F(FlavourTableTest, OpensTheLinksOfAFlavourWhenTheyAreFirstNeeded) {
  Start();
  EXPECT_EQ(loop_.sockets(), 1U);
  SendIn(kResp3Flavour, 1);
  SendIn(kResp3Flavour, 2);
  ASSERT_EQ(loop_.sockets(), 2U);
  loop_.last_socket().observer->OnConnected(0);
  FlushAll();
  EXPECT_EQ(loop_.last_socket().TakeWritten(), kGreeting3);
  EXPECT_EQ(TakeOutcomes(), Outcomes{});
  loop_.last_socket().Receive(std::string(kHello3) + "+PONG\r\n");
  FlushAll();
  EXPECT_EQ(loop_.last_socket().TakeWritten(), "1;2;");
  loop_.last_socket().Receive("_\r\n%0\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "_\r\n"}, {2, "%0\r\n"}}));
  EXPECT_EQ(loop_.socket(0).written, "");
  EXPECT_EQ(ReadyLinks(), 2U);
}

// A refused SELECT in front of FLUSHDB would empty another database.
TEST_F(FlavourTableTest, WritesNothingBeforeAllOfTheGreetingIsAnswered) {
  Start();
  SendIn({.database = 7, .protocol = 3}, 1);
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  EXPECT_TRUE(link.TakeWritten().ends_with("*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n*1\r\n$4\r\nPING\r\n"));
  for (const char* reply : {kHello3, "+OK\r\n"}) {
    link.Receive(reply);
    FlushAll();
    EXPECT_EQ(link.written, "");
  }
  link.Receive("+PONG\r\n");
  FlushAll();
  EXPECT_EQ(link.TakeWritten(), "1;");
}

TEST_F(FlavourTableTest, KeepsTheOrderOfALaneWithinAFlavour) {
  Start(3);
  for (uint32_t slot = 1; slot <= 3; ++slot) SendIn(kResp3Flavour, slot, 5);
  const size_t first = 3;
  for (size_t i = first; i < loop_.sockets(); ++i) {
    if (!loop_.socket(i).closed()) Greet(loop_.socket(i), kResp3Flavour);
  }
  for (uint32_t slot = 4; slot <= 6; ++slot) SendIn(kResp3Flavour, slot, 5);
  FlushAll();
  std::string written;
  for (size_t i = first; i < loop_.sockets(); ++i) {
    if (!loop_.socket(i).written.empty()) {
      EXPECT_EQ(written, "") << "two links serve one lane";
    }
    written += loop_.socket(i).TakeWritten();
  }
  EXPECT_EQ(written, "1;2;3;4;5;6;");
}

TEST_F(FlavourTableTest, ClosesTheLeastRecentlyUsedForAFurtherOne) {
  pool_conf_.flavours_per_node = 2;
  Start();
  test::FakeSocket& first = Open(Database(1));
  test::FakeSocket& second = Open(Database(2));
  SendIn(Database(1), 1);
  FlushAll();
  first.Receive("+1\r\n");
  test::FakeSocket& third = Open(Database(3));
  EXPECT_FALSE(first.closed());
  EXPECT_TRUE(second.closed());
  EXPECT_FALSE(third.closed());
  EXPECT_EQ(ReadyLinks(), 3U);
  // What is needed again is opened again.
  Open(Database(2));
  EXPECT_TRUE(first.closed());
  EXPECT_FALSE(loop_.socket(0).closed());
}

TEST_F(FlavourTableTest, RefusesAFurtherOneWhileAllHaveSomethingToDo) {
  pool_conf_.flavours_per_node = 2;
  Start();
  test::FakeSocket& busy = Open(Database(1));
  SendIn(Database(1), 1);
  SendIn(Database(2), 2);  // Waits for its link.
  const size_t sockets = loop_.sockets();
  SendIn(Database(3), 3);
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{3, "too_many_flavours"}}));
  EXPECT_EQ(loop_.sockets(), sockets);
  EXPECT_EQ(health_.stats(0).failures.value() + health_.stats(0).overloads.value(), 0U);
  FlushAll();
  busy.Receive("+1\r\n");
  SendIn(Database(3), 4);
  EXPECT_TRUE(busy.closed());
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "+1\r\n"}}));
  EXPECT_EQ(loop_.sockets(), sockets + 1);
}

// A client that selects a database goes on as soon as it has read its last reply, which is still on the stack then.
TEST_F(FlavourTableTest, MakesRoomWhileTheLastReplyOfTheOldestIsHandedOut) {
  pool_conf_.flavours_per_node = 1;
  Start();
  test::FakeSocket& first = Open(Database(1));
  SendIn(Database(1), 1);
  FlushAll();
  recorder_.on_reply = [this](Ticket ticket) {
    if (ticket.slot == 1) SendIn(Database(2), 2);
  };
  first.Receive("$3\r\nabc\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{1, "$3\r\nabc\r\n"}}));
  EXPECT_TRUE(first.closed());
  test::FakeSocket& second = GreetNewest(Database(2));
  EXPECT_EQ(second.TakeWritten(), "2;");
  second.Receive("+2\r\n");
  EXPECT_EQ(TakeOutcomes(), (Outcomes{{2, "+2\r\n"}}));
  // Places are used again.
  for (uint16_t database = 3; database < 20; ++database) Open(Database(database));
  EXPECT_EQ(ReadyLinks(), 2U);
}

TEST_F(FlavourTableTest, ClosesWhatNobodyHasUsedForAMinute) {
  Start();
  test::FakeSocket& used = Open(Database(1));
  test::FakeSocket& unused = Open(Database(2));
  test::FakeSocket& waits = Open(Database(3));
  SendIn(Database(3), 1);
  for (int second = 0; second < 70; ++second) {
    if (second % 30 == 0) {
      SendIn(Database(1), 2);
      FlushAll();
      used.Receive("+2\r\n");
    }
    pool_->Tick();
    EXPECT_EQ(unused.closed(), second >= 60) << second;
  }
  EXPECT_FALSE(used.closed() || waits.closed() || loop_.socket(0).closed());
}

TEST_F(FlavourTableTest, TakesNoMemoryForAWarmRequest) {
  Start();
  test::FakeSocket& link = Open(kResp3Flavour);
  test::FakeSocket& other = Open(Database(1));
  const auto ask = [&](Flavour flavour) {
    pool_->Send(0, {1, flavour}, std::string_view("x;"), {0, 0, 1, Ticket::Kind::kSession});
  };
  const auto answer = [](test::FakeSocket& socket) {
    socket.written.clear();
    socket.Receive("_\r\n");
  };
  recorder_.outcomes.reserve(100);
  size_t allocations = 0;
  for (int i = 0; i < 20; ++i) {
    const test::AllocationCounter counter;
    ask(kResp3Flavour);
    ask(Database(1));
    if (i >= 10) allocations += counter.count();
    FlushAll();
    answer(link);
    answer(other);
  }
  EXPECT_EQ(allocations, 0U);
  EXPECT_EQ(recorder_.outcomes.size(), 40U);
}

}  // namespace
}  // namespace ringproxy::backends
