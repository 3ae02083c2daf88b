// What clients ask about each other and do to each other, around a whole worker.
#include "proxy/session/client_desk.h"

#include "tests/proxy/session/client_desk_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::IsEmpty;
using testing::Not;

TEST_F(ClientDeskTest, ListTellsOfTheClientsOfItsOwnListener) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  Client(1);
  Client();
  Do(client, "CLIENT SETNAME me");
  const std::string list = Do(client, "CLIENT LIST");
  EXPECT_THAT(list, AllOf(HasSubstr("id=1 addr=127.0.0.1:5001 "), HasSubstr(" name=me "),
                          HasSubstr(" cmd=client|list "), HasSubstr("\nid=3 "), Not(HasSubstr("id=2 "))));
  EXPECT_THAT(Do(client, "CLIENT LIST ID 2 3"), AllOf(HasSubstr("id=3 "), Not(HasSubstr("id=2 "))));
  EXPECT_EQ(Do(client, "CLIENT LIST TYPE x"), "-ERR Unknown client type 'x'\r\n");
}

TEST_F(ClientDeskTest, InfoIsTheClientsOwnLine) {
  Start();
  Client();
  test::FakeSocket& client = Client();
  Do(client, "MULTI");
  EXPECT_EQ(Do(client, "CLIENT INFO"), "+QUEUED\r\n");
  EXPECT_THAT(Do(client, "EXEC"), AllOf(HasSubstr("id=2 "), Not(HasSubstr("id=1 "))));
  EXPECT_THAT(Do(client, "CLIENT INFO"),
              AllOf(HasSubstr("id=2 "), HasSubstr(" cmd=client|info "), Not(HasSubstr("id=1 "))));
}

TEST_F(ClientDeskTest, RepliesStandInTheOrderOfTheRequests) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"CLIENT", "UNBLOCK", "9"}) + Encode({"PING"}));
  Settle();
  EXPECT_EQ(client.TakeWritten(), "");
  Node(0).Receive("$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(client.TakeWritten(), "$1\r\nv\r\n:0\r\n+PONG\r\n");
}

TEST_F(ClientDeskTest, KillNeedsAdminCommandsAndUnblockDoesNot) {
  Start();
  test::FakeSocket& client = Client();
  for (const char* line : {"CLIENT KILL ID 1", "CLIENT PAUSE 100", "CLIENT UNPAUSE"}) {
    EXPECT_THAT(Do(client, line), EndsWith("it acts on other clients: set admin_commands: true of the listener\r\n"));
  }
  EXPECT_EQ(Do(client, "CLIENT UNBLOCK 1"), ":0\r\n");
}

TEST_F(ClientDeskTest, KillEndsThoseThatFitAndNobodyOfAnotherListener) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& second = Client();
  test::FakeSocket& stranger = Client(1);
  test::FakeSocket& fourth = Client();
  EXPECT_EQ(Do(client, "CLIENT KILL 127.0.0.1:5003"), "-ERR No such client\r\n");
  EXPECT_EQ(Do(client, "CLIENT KILL 127.0.0.1:5002"), "+OK\r\n");
  EXPECT_TRUE(second.closed());
  EXPECT_EQ(Do(client, "CLIENT KILL ID 3"), ":0\r\n");
  EXPECT_EQ(Do(client, "CLIENT KILL TYPE normal"), ":1\r\n");
  EXPECT_TRUE(fourth.closed());
  EXPECT_FALSE(stranger.closed());
  EXPECT_EQ(Do(client, "PING"), "+PONG\r\n");
}

TEST_F(ClientDeskTest, WhoKillsItselfHasItsReplyBefore) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  EXPECT_EQ(Do(client, "CLIENT KILL ID 1 SKIPME no"), ":1\r\n");
  EXPECT_TRUE(client.closed());
  test::FakeSocket& other = Client();
  other.Receive(Encode({"CLIENT", "KILL", "127.0.0.1:5002"}) + Encode({"PING"}));
  Settle();
  EXPECT_EQ(other.TakeWritten(), "+OK\r\n");
  EXPECT_TRUE(other.closed());
}

TEST_F(ClientDeskTest, WhatIsQueuedIsAskedWhenTheOthersAreExecutedAndStandsInItsPlace) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& second = Client();
  const std::string queued = "+QUEUED\r\n";
  Do(client, "MULTI");
  for (const char* line :
       {"CLIENT LIST ID 2", "CLIENT KILL ID 2", "CLIENT UNBLOCK 9", "CLIENT KILL ID x", "CLIENT UNPAUSE"})
    EXPECT_EQ(Do(client, line), queued);
  EXPECT_EQ(Do(client, "SET " + KeyOf(0) + " v"), queued);
  EXPECT_EQ(Do(client, "CLIENT LIST ID 2"), queued);
  client.Receive(Encode({"EXEC"}) + Encode({"PING"}));
  Settle();
  EXPECT_FALSE(second.closed());
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  Settle();
  EXPECT_TRUE(second.closed());
  EXPECT_THAT(client.TakeWritten(),
              AllOf(StartsWith("*7\r\n$"), HasSubstr("id=2 "),
                    EndsWith("\n\r\n:1\r\n:0\r\n-ERR client-id should be greater than 0\r\n+OK\r\n"
                             "+OK\r\n$0\r\n\r\n+PONG\r\n")));
}

TEST_F(ClientDeskTest, WhoKillsItselfWithinATransactionHasAllItsRepliesBefore) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  for (const char* line : {"MULTI", "CLIENT KILL ID 1 SKIPME no", "CLIENT GETNAME", "CLIENT UNBLOCK 9"})
    Do(client, line);
  EXPECT_EQ(Do(client, "EXEC"), "*3\r\n:1\r\n$-1\r\n:0\r\n");
  EXPECT_TRUE(client.closed());
}

TEST_F(ClientDeskTest, WithinATransactionOthersAreNotKilledWithoutAdminCommands) {
  Start();
  test::FakeSocket& client = Client();
  Do(client, "MULTI");
  EXPECT_THAT(Do(client, "CLIENT KILL ID 1"), EndsWith("set admin_commands: true of the listener\r\n"));
  EXPECT_THAT(Do(client, "EXEC"), StartsWith("-EXECABORT"));
}

TEST_F(ClientDeskTest, AWaitThatIsKilledIsOver) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& waiting = Client();
  Wait(waiting);
  EXPECT_THAT(Do(client, "CLIENT LIST ID 2"), HasSubstr(" flags=b "));
  EXPECT_EQ(stats_->listeners[0].blocked.value(), 1U);
  EXPECT_EQ(Do(client, "CLIENT KILL ID 2"), ":1\r\n");
  EXPECT_EQ(Greeted().TakeWritten(), Encode({"CLIENT", "UNBLOCK", "77", "TIMEOUT"}));
  EXPECT_EQ(stats_->listeners[0].blocked.value(), 0U);
}

TEST_F(ClientDeskTest, UnblockHasTheNodeEndTheWaitOnce) {
  Start();
  test::FakeSocket& client = Client();
  test::FakeSocket& waiting = Client();
  test::FakeSocket& link = Wait(waiting);
  EXPECT_EQ(Do(client, "CLIENT UNBLOCK 1"), ":0\r\n");
  EXPECT_EQ(Do(client, "CLIENT UNBLOCK 2"), ":1\r\n");
  EXPECT_EQ(Greeted().TakeWritten(), Encode({"CLIENT", "UNBLOCK", "77", "TIMEOUT"}));
  EXPECT_EQ(Do(client, "CLIENT UNBLOCK 2"), ":0\r\n");
  link.Receive("*-1\r\n");
  Settle();
  EXPECT_EQ(waiting.TakeWritten(), "*-1\r\n");
  EXPECT_EQ(Do(client, "CLIENT UNBLOCK 2"), ":0\r\n");
}

TEST_F(ClientDeskTest, UnblockByAnErrorIsSaidAgainUntilTheNodeHasBegunToWait) {
  Start();
  test::FakeSocket& client = Client();
  test::FakeSocket& waiting = Client();
  test::FakeSocket& link = Wait(waiting);
  EXPECT_EQ(Do(client, "CLIENT UNBLOCK 2 ERROR"), ":1\r\n");
  test::FakeSocket& control = Greeted();
  const std::string unblock = Encode({"CLIENT", "UNBLOCK", "77", "ERROR"});
  EXPECT_EQ(control.TakeWritten(), unblock);
  control.Receive(":0\r\n");
  loop_.Advance(1s);
  Settle();
  EXPECT_THAT(control.TakeWritten(), HasSubstr(unblock));
  control.Receive(":1\r\n");
  link.Receive("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  Settle();
  EXPECT_EQ(waiting.TakeWritten(), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
}

TEST_F(ClientDeskTest, APauseOfWritesHoldsThemUntilItsEndAndNothingElse) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& writer = Client();
  test::FakeSocket& stranger = Client(1);
  EXPECT_EQ(Do(client, "CLIENT PAUSE 500 WRITE"), "+OK\r\n");
  test::FakeSocket& late = Client();
  writer.Receive(Encode({"PING"}) + Encode({"SET", KeyOf(0), "v"}) + Encode({"PING"}));
  Settle();
  EXPECT_EQ(writer.TakeWritten(), "+PONG\r\n");
  EXPECT_EQ(Do(late, "DEL " + KeyOf(0)), "");
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  EXPECT_EQ(stats_->listeners[0].blocked.value(), 2U);
  EXPECT_THAT(Do(client, "CLIENT LIST ID 2"), HasSubstr(" flags=b "));
  Do(client, "GET " + KeyOf(0));
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", KeyOf(0)}));
  Do(stranger, "SET " + KeyOf(0) + " w");
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"SET", KeyOf(0), "w"}));
  loop_.Advance(499ms);
  Settle();
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  loop_.Advance(1ms);
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"SET", KeyOf(0), "v"}) + Encode({"DEL", KeyOf(0)}));
  EXPECT_EQ(stats_->listeners[0].blocked.value(), 0U);
  Node(0).Receive("$-1\r\n+OK\r\n+OK\r\n:1\r\n");
  Settle();
  EXPECT_EQ(writer.TakeWritten(), "+OK\r\n+PONG\r\n");
  EXPECT_EQ(late.TakeWritten(), ":1\r\n");
}

TEST_F(ClientDeskTest, APauseOfAllHoldsEverythingAndItsEndMayStillBeSaid) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& other = Client();
  Do(client, "CLIENT PAUSE 1000");
  EXPECT_EQ(Do(other, "PING"), "");
  EXPECT_EQ(Do(client, "CLIENT UNPAUSE"), "+OK\r\n");
  EXPECT_EQ(other.TakeWritten(), "+PONG\r\n");
  EXPECT_EQ(Do(other, "PING"), "+PONG\r\n");
  EXPECT_EQ(Do(client, "CLIENT UNPAUSE"), "+OK\r\n");
}

TEST_F(ClientDeskTest, AnExecThatWritesIsHeldAndOneThatReadsIsNot) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& writer = Client();
  test::FakeSocket& reader = Client();
  Do(writer, "MULTI");
  Do(writer, "SET " + KeyOf(0) + " v");
  Do(client, "CLIENT PAUSE 1000 WRITE");
  Do(reader, "MULTI");
  Do(reader, "GET " + KeyOf(0));
  Do(writer, "EXEC");
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  Do(reader, "EXEC");
  EXPECT_THAT(Node(0).TakeWritten(), HasSubstr("GET"));
  Do(client, "CLIENT UNPAUSE");
  EXPECT_THAT(Node(0).TakeWritten(), HasSubstr("SET"));
}

TEST_F(ClientDeskTest, WhoLeavesWhileItIsHeldIsGoneAndItsRequestToo) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& writer = Client();
  Do(client, "CLIENT PAUSE 1000 WRITE");
  Do(writer, "SET " + KeyOf(0) + " v");
  writer.ReceiveEnd();
  Settle();
  EXPECT_TRUE(writer.closed());
  EXPECT_EQ(stats_->listeners[0].blocked.value(), 0U);
  Do(client, "CLIENT UNPAUSE");
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
}

TEST_F(ClientDeskTest, AHeldClientIsReadNoFurtherThanABound) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& writer = Client();
  Do(client, "CLIENT PAUSE 1000 WRITE");
  const std::string set = Encode({"SET", KeyOf(0), std::string(1000, 'v')});
  std::string many;
  for (int i = 0; i < 1000; ++i) many += set;
  writer.Receive(many);
  Settle();
  EXPECT_GT(writer.incoming.size(), many.size() / 2);
  EXPECT_FALSE(writer.watches_reads);
  // What CLIENT LIST shows are its bytes, and not the memory that they take.
  const size_t waiting = many.size() - writer.incoming.size();
  EXPECT_LE(waiting, 128U << 10);
  EXPECT_THAT(Do(client, "CLIENT LIST ID 2"), HasSubstr(" qbuf=" + std::to_string(waiting) + " "));
  Do(client, "CLIENT UNPAUSE");
  // All of it is done then, as fast as the node answers.
  size_t done = 0;
  for (int turn = 0; turn < 1000 && done < 1000; ++turn) {
    const size_t sets = Node(0).TakeWritten().size() / set.size();
    for (size_t i = 0; i < sets; ++i) Node(0).Receive("+OK\r\n");
    writer.Receive("");
    Settle();
    done += writer.TakeWritten().size() / std::string("+OK\r\n").size();
  }
  EXPECT_EQ(done, 1000U);
}

TEST_F(ClientDeskTest, WhoLeavesBehindMoreThanIsReadHasDoneNothingEither) {
  Start(TwoListeners());
  test::FakeSocket &client = Client(), &writer = Client(), &other = Client();
  Do(client, "CLIENT PAUSE 5000 WRITE");
  const std::string sets = Encode({"SET", KeyOf(0), "v"}) + Encode({"SET", KeyOf(0), std::string(1 << 20, 'v')});
  for (test::FakeSocket* each : {&writer, &other}) each->Receive(sets);
  EXPECT_FALSE(writer.watches_reads || other.watches_reads);
  writer.end_of_stream = true;
  loop_.Advance(1s);
  Settle();
  EXPECT_TRUE(writer.closed());
  other.end_of_stream = true;
  Do(client, "CLIENT UNPAUSE");
  EXPECT_TRUE(other.closed());
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
}

TEST_F(ClientDeskTest, ARequestThatIsHalfReadWhenThePauseBeginsIsHeldAsAWhole) {
  Start(TwoListeners());
  test::FakeSocket& client = Client();
  test::FakeSocket& writer = Client();
  const std::string set = Encode({"SET", KeyOf(0), "v"});
  writer.Receive(set.substr(0, 10));
  Do(client, "CLIENT PAUSE 1000 WRITE");
  test::FakeSocket& late = Client();
  writer.Receive(set.substr(10, 5));
  late.Receive(set.substr(0, 15));
  Settle();
  // The parser that all share is not left in the middle of it.
  EXPECT_EQ(Do(client, "PING"), "+PONG\r\n");
  writer.Receive(set.substr(15));
  late.Receive(set.substr(15));
  Settle();
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
  Do(client, "CLIENT UNPAUSE");
  EXPECT_EQ(Node(0).TakeWritten(), set + set);
}

}  // namespace
}  // namespace ringproxy::proxy
