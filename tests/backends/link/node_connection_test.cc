#include "backends/link/node_connection.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "backends/line_limit.h"
#include "tests/backends/link/node_connection_fixture.h"
#include "tests/support/log_capture.h"

namespace ringproxy::backends {
namespace {

TEST_F(NodeConnectionTest, SendsABatchInOneWriteAndMatchesRepliesByPosition) {
  MakeReady();
  Send(1, "a");
  Send(2, "b");
  Send(3, "c");
  EXPECT_EQ(Node().written, "");
  Node().writes = 0;
  FlushAll();
  EXPECT_EQ(Node().written, "abc");
  EXPECT_EQ(Node().writes, 1U);
  Node().Receive(":1\r\n$-1\r\n+three\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, ":1\r\n"}, {2, "$-1\r\n"}, {3, "+three\r\n"}}));
}

TEST_F(NodeConnectionTest, UnderstandsRepliesThatArriveByteByByte) {
  MakeReady();
  Send(1);
  Send(2);
  FlushAll();
  for (const char c : std::string("$5\r\nhe\r\nl\r\n*2\r\n:1\r\n$-1\r\n")) Node().Receive(std::string(1, c));
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "$5\r\nhe\r\nl\r\n"}, {2, "*2\r\n:1\r\n$-1\r\n"}}));
}

TEST_F(NodeConnectionTest, HandsALargeReplyOverInItsOwnBlock) {
  MakeReady();
  Send(1);
  Send(2);
  FlushAll();
  const std::string large = "$1000000\r\n" + std::string(1'000'000, 'L') + "\r\n";
  Node().Receive(large + ":2\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, large}, {2, ":2\r\n"}}));
  EXPECT_EQ(sink_.large, 1U);
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
}

TEST_F(NodeConnectionTest, QueuesRequestsUntilTheFirstHandshakeIsDone) {
  Make().Connect();
  Send(1, "early");
  FlushAll();
  EXPECT_EQ(Node().written, "");
  FinishHandshake();
  EXPECT_EQ(Node().TakeWritten(), "early");
  Node().Receive("+OK\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "+OK\r\n"}}));
}

TEST_F(NodeConnectionTest, FailsWhatWaitedWhenTheAttemptFailsAndThenFailsAtOnce) {
  Make().Connect();
  Send(1);
  Node().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "node_down"}}));
  Send(2);
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{2, "node_down"}));
  EXPECT_FALSE(connection_->accepts());
}

TEST_F(NodeConnectionTest, WaitsLongerAfterEachFailedAttemptUpToTheCap) {
  Make().Connect();
  for (const milliseconds whole : {50ms, 100ms, 200ms, 400ms, 400ms}) {
    const size_t attempts = loop_.sockets();
    Node().observer->OnConnected(ECONNREFUSED);
    loop_.Advance(whole / 2 - 1ms);  // Jitter draws from the upper half.
    EXPECT_EQ(loop_.sockets(), attempts);
    loop_.Advance(whole / 2 + 2ms);
    EXPECT_EQ(loop_.sockets(), attempts + 1);
  }
}

TEST_F(NodeConnectionTest, DoesNotUseANodeThatLoadsItsData) {
  Make().Connect();
  Node().observer->OnConnected(0);
  Node().Receive("-LOADING Redis is loading the dataset in memory\r\n");
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
  EXPECT_TRUE(loop_.socket(0).closed());
  loop_.Advance(60ms);
  FinishHandshake();
}

TEST_F(NodeConnectionTest, AuthenticatesBeforeItPings) {
  settings_.auth = {.username = "app", .password_file = "f", .password = "secret"};
  Make().Connect();
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().TakeWritten(), "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n");
  Node().Receive("+OK\r\n");
  EXPECT_EQ(connection_->state(), LinkState::kGreeting);
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(connection_->state(), LinkState::kReady);
}

// A send buffer of the least size, a long password: the socket takes only a part at a time.
TEST_F(NodeConnectionTest, GoesOnWithAGreetingOfWhichTheSocketTookOnlyAPart) {
  settings_.auth = {.username = "", .password_file = "f", .password = "secret"};
  Make().Connect();
  Send(1, "early");
  Node().room = 5;
  Node().observer->OnConnected(0);
  EXPECT_EQ(Node().written, "*2\r\n$");
  EXPECT_TRUE(Node().watches_writes);
  Node().room = 0;
  Node().observer->OnWritable();
  EXPECT_TRUE(Node().watches_writes);
  Node().room = 100;
  Node().observer->OnWritable();
  EXPECT_EQ(Node().TakeWritten(), "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n");
  EXPECT_FALSE(Node().watches_writes);
  Node().Receive("+OK\r\n+PONG\r\n");
  EXPECT_EQ(connection_->state(), LinkState::kReady);
  FlushAll();
  EXPECT_EQ(Node().TakeWritten(), "early");
  EXPECT_EQ(loop_.sockets(), 1U);
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kClosed);
}

TEST_F(NodeConnectionTest, BreaksOnAGreetingThatCannotBeSentOrIsAnsweredBeforeItIs) {
  Make().Connect();
  Node().error = EPIPE;
  Node().observer->OnConnected(0);
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
  Make().Connect();
  Node().room = 5;
  Node().observer->OnConnected(0);
  Node().error = EPIPE;
  Node().observer->OnWritable();
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
  Make().Connect();
  Node().room = 5;
  Node().observer->OnConnected(0);
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
  EXPECT_EQ(stats_.connect_failures.value(), 3U);
}

TEST_F(NodeConnectionTest, GivesUpAGreetingThatTheSocketDoesNotTakeInTime) {
  Make().Connect();
  Node().room = 5;
  Node().observer->OnConnected(0);
  loop_.Advance(500ms);
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
  EXPECT_TRUE(loop_.socket(0).closed());
}

TEST_F(NodeConnectionTest, GivesUpAnAttemptThatTakesTooLong) {
  Make().Connect();
  loop_.Advance(501ms);
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
}

// See semantics.md 6.
TEST_F(NodeConnectionTest, FailsALateRequestAloneAndDiscardsItsReplyOnce) {
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(60ms);
  Send(2);
  FlushAll();
  loop_.Advance(50ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
  Node().Receive("+late\r\n+two\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "+two\r\n"}}));
  EXPECT_EQ(stats_.late_replies.value(), 1U);
  EXPECT_EQ(loop_.sockets(), 1U);
}

TEST_F(NodeConnectionTest, GivesADeadlineToARequestThatFollowsAnUnansweredOneLater) {
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(150ms);
  Send(2);
  FlushAll();
  loop_.Advance(101ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {2, "timeout"}}));
}

TEST_F(NodeConnectionTest, GivesUpANodeThatStaysSilent) {
  MakeReady();
  for (uint32_t i = 0; i < NodeWitness::kSilentTimeouts; ++i) {
    EXPECT_TRUE(connection_->accepts());
    Send(i);
    FlushAll();
    loop_.Advance(101ms);
  }
  EXPECT_FALSE(connection_->accepts());
  EXPECT_TRUE(loop_.socket(0).closed());
  EXPECT_EQ(stats_.timeouts.value(), NodeWitness::kSilentTimeouts);
}

// Else its load would keep a bounded ring from asking the node ever again.
TEST_F(NodeConnectionTest, GivesUpANodeThatStaysSilentThoughNobodyAsksItAgain) {
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(301ms);
  EXPECT_TRUE(loop_.socket(0).closed());
  EXPECT_EQ(stats_.timeouts.value(), 1U);
  EXPECT_EQ(stats_.in_flight.value(), 0U);
}

TEST_F(NodeConnectionTest, KeepsAConnectionWhoseLateReplyComesAtLast) {
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(250ms);
  Node().Receive("+late\r\n");
  loop_.Advance(10s);
  EXPECT_TRUE(connection_->accepts());
  EXPECT_EQ(loop_.sockets(), 1U);
}

TEST_F(NodeConnectionTest, FailsWhatIsInFlightWhenTheConnectionBreaksAndReplaysNothing) {
  MakeReady();
  Send(1, "one");
  Send(2, "two");
  FlushAll();
  Node().ReceiveEnd();
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "node_down"}, {2, "node_down"}}));
  FinishHandshake();
  FlushAll();
  EXPECT_EQ(Node().written, "");
}

TEST_F(NodeConnectionTest, SaysNotEachTimeThatRequestsWereLost) {
  const test::LogCapture log;
  for (int i = 0; i < 50; ++i) {
    MakeReady();
    Send(1, "a request that makes a node close its connections");
    FlushAll();
    Node().ReceiveEnd();
    connection_.reset();
  }
  LineLimit::SayAllLeftOut();
  const std::string text = log.text();
  EXPECT_LE(std::ranges::count(text, '\n'), LineLimit::kBurst + 1);
  EXPECT_THAT(text, testing::HasSubstr("more lines like this were left out: a connection to node"));
}

TEST_F(NodeConnectionTest, ClosesOnWhatIsNoReplyAndOnAReplyThatNobodyAskedFor) {
  for (const char* bytes : {"hello\r\n", "+unasked\r\n"}) {
    MakeReady();
    test::FakeSocket& first = Node();
    first.Receive(bytes);
    EXPECT_TRUE(first.closed()) << bytes;
    connection_.reset();
  }
}

TEST_F(NodeConnectionTest, RefusesMoreThanItsCaps) {
  settings_.limits = {.requests_in_flight = 2, .bytes_in_flight = 10};
  MakeReady();
  Send(1, "12345678");
  Send(2, "123");
  Send(3, "1");
  Send(4, "1");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{2, "node_overloaded"}, {4, "node_overloaded"}}));
  FlushAll();
  Node().Receive("+1\r\n");
  Send(5, "1");
  EXPECT_EQ(sink_.outcomes.size(), 3U);
  EXPECT_EQ(stats_.overloads.value(), 2U);
  EXPECT_EQ(stats_.failures.value(), 0U);
}

TEST_F(NodeConnectionTest, GoesOnWritingWhenAFullSocketHasRoomAgain) {
  MakeReady();
  Node().room = 3;
  Send(1, "abcdef");
  FlushAll();
  EXPECT_EQ(Node().written, "abc");
  EXPECT_TRUE(Node().watches_writes);
  Node().room = 100;
  Node().observer->OnWritable();
  EXPECT_EQ(Node().written, "abcdef");
  EXPECT_FALSE(Node().watches_writes);
}

TEST_F(NodeConnectionTest, DrainsByFinishingWhatIsInFlight) {
  MakeReady();
  Send(1);
  FlushAll();
  connection_->Drain();
  EXPECT_EQ(connection_->state(), LinkState::kDraining);
  Send(2);
  Node().Receive("+OK\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{2, "node_down"}, {1, "+OK\r\n"}}));
  EXPECT_EQ(connection_->state(), LinkState::kClosed);
  EXPECT_EQ(stats_.ready_connections.value(), 0U);
}

TEST_F(NodeConnectionTest, ClosesADrainingConnectionWhoseNodeStaysSilent) {
  MakeReady();
  Send(1);
  FlushAll();
  connection_->Drain();
  loop_.Advance(10s);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
  EXPECT_EQ(connection_->state(), LinkState::kClosed);
  EXPECT_TRUE(Node().closed());
}

TEST_F(NodeConnectionTest, ClosesADrainingConnectionWhoseRequestsHadAllTimedOutBefore) {
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(101ms);
  connection_->Drain();
  loop_.Advance(10s);
  EXPECT_EQ(connection_->state(), LinkState::kClosed);
}

TEST_F(NodeConnectionTest, KeepsTheDeadlineOfARequestWhenItDrains) {
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(90ms);
  connection_->Drain();
  loop_.Advance(11ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

TEST_F(NodeConnectionTest, ConnectsAndShakesHandsWithinOneConnectTimeout) {
  Make().Connect();
  loop_.Advance(400ms);
  Node().observer->OnConnected(0);
  loop_.Advance(101ms);
  EXPECT_EQ(connection_->state(), LinkState::kBackoff);
}

// See semantics.md 6.
TEST_F(NodeConnectionTest, DoesNotGiveANodeUpForOneSilenceThatSeveralRequestsMet) {
  MakeReady();
  for (uint32_t i = 0; i < 5; ++i) {
    Send(i);
    FlushAll();
    loop_.Advance(1ms);
  }
  loop_.Advance(85ms);
  Send(9);
  FlushAll();
  loop_.Advance(20ms);  // All but the last are late, by 6 ms at most.
  EXPECT_EQ(loop_.sockets(), 1U);
  Node().Receive("+0\r\n+1\r\n+2\r\n+3\r\n+4\r\n+9\r\n");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{9, "+9\r\n"}));
}

TEST_F(NodeConnectionTest, LeavesNoGaugeAboveZeroWhenItDies) {
  MakeReady();
  EXPECT_EQ(stats_.ready_connections.value(), 1U);
  connection_.reset();
  EXPECT_EQ(stats_.ready_connections.value(), 0U);
}

TEST_F(NodeConnectionTest, WaitsBeforeItReturnsToANodeThatClosesEveryConnectionAtOnce) {
  Make().Connect();
  for (int i = 0; i < 20 && connection_->state() == LinkState::kConnecting; ++i) {
    FinishHandshake();
    Node().ReceiveEnd();
  }
  EXPECT_LT(loop_.sockets(), 5U);
}

TEST_F(NodeConnectionTest, GivesNoWaitingRequestAReplyThatCameBeforeItWasWritten) {
  Make().Connect();
  Send(1, "early");
  Node().observer->OnConnected(0);
  Node().Receive("+PONG\r\n+stray\r\n");
  EXPECT_NE(sink_.outcomes, (Outcomes{{1, "+stray\r\n"}}));
}

TEST_F(NodeConnectionTest, HoldsNoMemoryOnceClosed) {
  Make().Connect();
  Send(1, "early");
  connection_->Drain();
  EXPECT_EQ(io_.blocks.blocks_in_use(), 0U);
}

TEST_F(NodeConnectionTest, SendsARequestLargerThanItsByteCapWhenNothingElseWaits) {
  settings_.limits = {.requests_in_flight = 2, .bytes_in_flight = 10};
  MakeReady();
  Send(1, "12345678901");
  Send(2, "1");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{2, "node_overloaded"}}));
}

}  // namespace
}  // namespace ringproxy::backends
