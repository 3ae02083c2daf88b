// What node_connection_test leaves: deadlines while it connects, what its guard hears, orders, and senders that come
// back from within a failure.
#include <random>

#include "tests/backends/link/node_connection_fixture.h"

namespace ringproxy::backends {
namespace {

using State = LinkState;
using Breaker = CircuitBreaker::BreakerState;

TEST_F(NodeConnectionTest, FailsARequestThatWaitsForTheConnectionAfterItsTotalTime) {
  settings_.timeouts.total = 200ms;
  Make().Connect();
  loop_.Advance(100ms);
  Send(1);
  loop_.Advance(199ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}}));
  EXPECT_EQ(connection_->state(), State::kConnecting);
}

TEST_F(NodeConnectionTest, FailsEachOfSeveralThatWaitAfterItsOwnTotalTime) {
  settings_.timeouts.total = 200ms;
  Make().Connect();
  Send(1);
  loop_.Advance(50ms);
  Send(2);
  loop_.Advance(150ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}}));
  loop_.Advance(50ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}, {2, "no_connection"}}));
}

TEST_F(NodeConnectionTest, FailsInTimeWhatCameAfterAllOthersThatWaitHadFailed) {
  settings_.timeouts.total = 100ms;
  Make().Connect();
  Send(1);
  loop_.Advance(150ms);
  Send(2);
  loop_.Advance(100ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}, {2, "no_connection"}}));
  // And the attempt itself still ends at its own time.
  loop_.Advance(249ms);
  EXPECT_EQ(connection_->state(), State::kConnecting);
  loop_.Advance(1ms);
  EXPECT_EQ(connection_->state(), State::kBackoff);
}

TEST_F(NodeConnectionTest, CountsTheWaitForTheConnectionInTheTotalTime) {
  settings_.timeouts.total = 120ms;
  Make().Connect();
  Send(1);
  loop_.Advance(90ms);
  FinishHandshake();
  loop_.Advance(29ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

TEST_F(NodeConnectionTest, GivesARequestThatWaitedNoMoreThanOneTimeoutFromWhenItIsWritten) {
  Make().Connect();  // Total: connect + request = 600 ms.
  Send(1);
  loop_.Advance(90ms);
  FinishHandshake();
  loop_.Advance(99ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

TEST_F(NodeConnectionTest, FailsAfterTheTotalTimeWhenThatIsLessThanTheRequestsOwn) {
  settings_.timeouts.total = 30ms;
  MakeReady();
  Send(1);
  loop_.Advance(29ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

// What timed out while it waited is not written, and no reply is taken for its own.
TEST_F(NodeConnectionTest, ExpectsNoReplyToARequestThatTimedOutBeforeItWasWritten) {
  settings_.timeouts.total = 100ms;
  Make().Connect();
  Send(1, "one");
  loop_.Advance(100ms);
  Send(2, "two");
  FinishHandshake();
  EXPECT_EQ(Node().TakeWritten(), "two");
  Node().Receive("+2\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}, {2, "+2\r\n"}}));
}

TEST_F(NodeConnectionTest, FailsInTimeWhatItsOwnerSendsAgainFromWithinAFailure) {
  settings_.timeouts.total = 200ms;
  MakeReady();
  loop_.Advance(1s);  // It has lasted: the next attempt follows at once, and requests wait for it.
  sink_.on_failure = [this](Ticket ticket) {
    if (ticket.slot < 10) Send(ticket.slot + 10);
  };
  Send(1);
  Send(2);
  Node().ReceiveEnd();
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "node_down"}, {2, "node_down"}}));
  EXPECT_EQ(connection_->in_flight(), 2U);
  loop_.Advance(200ms);
  EXPECT_EQ(connection_->state(), State::kConnecting);
  EXPECT_EQ(sink_.outcomes,
            (Outcomes{{1, "node_down"}, {2, "node_down"}, {11, "no_connection"}, {12, "no_connection"}}));
}

TEST_F(NodeConnectionTest, AnswersWhatItsOwnerSendsAgainFromWithinATimeout) {
  MakeReady();
  sink_.on_failure = [this](Ticket ticket) {
    if (ticket.slot < 10) Send(ticket.slot + 10, "again");
  };
  for (uint32_t i = 1; i < 4; ++i) Send(i, "first");
  FlushAll();
  loop_.Advance(100ms);
  FlushAll();
  Node().Receive("+1\r\n+2\r\n+3\r\n+11\r\n+12\r\n");
  loop_.Advance(100ms);
  EXPECT_EQ(
      sink_.outcomes,
      (Outcomes{{1, "timeout"}, {2, "timeout"}, {3, "timeout"}, {11, "+11\r\n"}, {12, "+12\r\n"}, {13, "timeout"}}));
}

TEST_F(NodeConnectionTest, RefusesForGoodWhatItsOwnerSendsAgainToAClosedConnection) {
  MakeReady();
  int again = 0;
  sink_.on_failure = [&](Ticket ticket) {
    if (++again < 5) Send(ticket.slot + 10);
  };
  Send(1);
  FlushAll();
  connection_->Drain();
  Node().ReceiveEnd();
  EXPECT_EQ(sink_.outcomes.size(), 5U);
  EXPECT_EQ(connection_->state(), State::kClosed);
  EXPECT_EQ(connection_->in_flight(), 0U);
}

// A fleet of proxies that restarts, and a node that flaps: 10 a second and no more, and no request is needed for it.
TEST_F(NodeConnectionTest, OpensNoMoreThanItsRateOfConnectionsInAnySecond) {
  MakeReady();
  std::vector<net::TimePoint> opened = {loop_.now()};
  for (int ms = 0; ms < 20'000; ++ms) {
    const size_t before = loop_.sockets();
    if (connection_->state() == State::kConnecting) {
      Node().observer->OnConnected(0);
      Node().Receive("+PONG\r\n");
    }
    if (ms % 60 == 0 && connection_->state() == State::kReady) Node().ReceiveEnd();
    loop_.Advance(1ms);
    ASSERT_LE(loop_.sockets(), before + 1);
    if (loop_.sockets() > before) opened.push_back(loop_.now());
  }
  EXPECT_GT(opened.size(), 50U);
  for (size_t i = 10; i < opened.size(); ++i) EXPECT_GE(opened[i] - opened[i - 10], 1s) << i;
}

TEST_F(NodeConnectionTest, EndsItsBackOffWhenItIsTold) {
  Make().Connect();
  Node().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(connection_->state(), State::kBackoff);
  connection_->Hurry();
  EXPECT_EQ(connection_->state(), State::kConnecting);
  EXPECT_EQ(loop_.sockets(), 2U);
  FinishHandshake();
}

TEST_F(NodeConnectionTest, HurriesNothingInAnyOtherState) {
  Make().Connect();
  connection_->Hurry();
  Node().observer->OnConnected(0);
  connection_->Hurry();
  Node().Receive("+PONG\r\n");
  connection_->Hurry();
  Send(1);
  connection_->Drain();
  connection_->Hurry();
  EXPECT_EQ(connection_->state(), State::kDraining);
  Node().TakeWritten();
  Node().Receive("+1\r\n");
  connection_->Hurry();
  EXPECT_EQ(connection_->state(), State::kClosed);
  EXPECT_EQ(loop_.sockets(), 1U);
}

TEST_F(NodeConnectionTest, KeepsToItsRateHoweverOftenItIsHurried) {
  Make().Connect();
  for (int i = 0; i < 100; ++i) {
    if (connection_->state() == State::kConnecting) Node().observer->OnConnected(ECONNREFUSED);
    connection_->Hurry();
  }
  EXPECT_EQ(loop_.sockets(), 2U);  // The burst.
  loop_.Advance(125ms);
  EXPECT_EQ(loop_.sockets(), 3U);
}

TEST_F(NodeConnectionTest, OpensAnewOnceItIsDrainedIfThatWasTakenBack) {
  MakeReady();
  Send(1);
  FlushAll();
  connection_->Drain();
  connection_->Reopen();
  EXPECT_EQ(connection_->state(), State::kDraining);
  Node().Receive("+1\r\n");
  EXPECT_EQ(connection_->state(), State::kConnecting);
  FinishHandshake();
}

TEST_F(NodeConnectionTest, StaysClosedWhenItIsDrainedAgainBeforeItHasReopened) {
  MakeReady();
  Send(1);
  FlushAll();
  connection_->Drain();
  connection_->Reopen();
  connection_->Drain();
  Node().Receive("+1\r\n");
  EXPECT_EQ(connection_->state(), State::kClosed);
  connection_->Reopen();
  FinishHandshake();
}

TEST_F(NodeConnectionTest, OpensAnewFromClosedAndReopensNothingThatIsOpen) {
  Make().Connect();
  connection_->Reopen();
  EXPECT_EQ(loop_.sockets(), 1U);
  FinishHandshake();
  connection_->Reopen();
  EXPECT_EQ(connection_->state(), State::kReady);
  connection_->Drain();
  EXPECT_EQ(connection_->state(), State::kClosed);
  EXPECT_FALSE(connection_->accepts());
  connection_->Reopen();
  EXPECT_TRUE(connection_->accepts());
  FinishHandshake();
}

TEST_F(NodeConnectionTest, ClosesForGoodFromEveryState) {
  for (const State state : {State::kConnecting, State::kGreeting, State::kReady, State::kBackoff}) {
    Make().Connect();
    if (state == State::kBackoff) Node().observer->OnConnected(ECONNREFUSED);
    if (state == State::kGreeting || state == State::kReady) Node().observer->OnConnected(0);
    if (state == State::kReady) Node().Receive("+PONG\r\n");
    ASSERT_EQ(connection_->state(), state);
    connection_->Drain();
    EXPECT_EQ(connection_->state(), State::kClosed);
    EXPECT_TRUE(Node().closed());
    const size_t sockets = loop_.sockets();
    loop_.Advance(10s);
    EXPECT_EQ(loop_.sockets(), sockets);
  }
}

TEST_F(NodeConnectionTest, TellsItsGuardAndNobodyElseOfAProbe) {
  MakeReady();
  guard_->OnConnectFailed("x");  // Others are ready: nothing.
  for (int i = 0; i < 5; ++i) Send(1);
  FlushAll();
  loop_.Advance(100ms);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  Node().Receive("+1\r\n+1\r\n+1\r\n+1\r\n+1\r\n");
  sink_.outcomes.clear();
  Probe();
  FlushAll();
  Node().Receive("-LOADING x\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  Probe();
  FlushAll();
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  Probe();
  FlushAll();
  Node().ReceiveEnd();  // Its probe dies with it.
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  EXPECT_TRUE(sink_.outcomes.empty());
}

TEST_F(NodeConnectionTest, TakesAProbeThatGetsNoReplyInTimeForABadOne) {
  MakeReady();
  for (int i = 0; i < 5; ++i) Send(1);
  FlushAll();
  loop_.Advance(100ms);
  Node().Receive("+1\r\n+1\r\n+1\r\n+1\r\n+1\r\n");
  Probe();
  FlushAll();
  Node().Receive("+PONG\r\n");
  ASSERT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  Probe();
  FlushAll();
  loop_.Advance(100ms);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  Node().Receive("+PONG\r\n");  // Too late.
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

// A node that was cut off for being slow is not well because it answers, as late as before.
TEST_F(NodeConnectionTest, TakesASlowProbeForABadOne) {
  settings_.timeouts.request = 1s;
  MakeReady();
  for (int second = 0; second < 3; ++second) {
    for (int i = 0; i < 20; ++i) Send(1);
    FlushAll();
    loop_.Advance(300ms);
    for (int i = 0; i < 20; ++i) Node().Receive("+1\r\n");
    if (second < 2) loop_.Advance(700ms);
  }
  ASSERT_EQ(guard_->breaker().state(), Breaker::kOpen);
  Node().TakeWritten();
  loop_.Advance(1200ms);  // Its time is up at the latest now: the guard has probed.
  FlushAll();
  ASSERT_EQ(probes_, 1U);
  loop_.Advance(300ms);
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  Probe();
  FlushAll();
  loop_.Advance(99ms);
  Node().Receive("+PONG\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
}

// One that accepts, shakes hands and closes as soon as it gets a request cannot serve, whatever its PONG says.
TEST_F(NodeConnectionTest, TripsTheBreakerForANodeThatKeepsNoConnection) {
  MakeReady();
  for (int i = 0; i < 2; ++i) {
    Send(1);
    FlushAll();
    Node().ReceiveEnd();
    if (connection_->state() == State::kConnecting) FinishHandshake();
  }
  EXPECT_EQ(connection_->state(), State::kBackoff);
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

}  // namespace
}  // namespace ringproxy::backends
