// What a connection does when this process, and not the node, keeps it from connecting.
#include <cerrno>

#include "backends/own_trouble.h"
#include "tests/backends/link/node_connection_fixture.h"

namespace ringproxy::backends {
namespace {

using State = LinkState;

TEST_F(NodeConnectionTest, RepeatsAnAttemptThatNeverReachedTheNodeAndHoldsNothingAgainstIt) {
  Make().Connect();
  const uint64_t before = OwnTroubles(Attempt::kNode);
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EMFILE, EMFILE, EMFILE}) {
    const size_t attempts = loop_.sockets();
    Node().observer->OnConnected(error);
    EXPECT_TRUE(Node().closed());
    EXPECT_TRUE(connection_->accepts());
    loop_.Advance(20ms);
    EXPECT_EQ(loop_.sockets(), attempts);
    loop_.Advance(31ms);  // Soon, also after many: nothing is backed off.
    EXPECT_EQ(loop_.sockets(), attempts + 1);
  }
  EXPECT_EQ(OwnTroubles(Attempt::kNode), before + 8);
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kClosed);
  EXPECT_EQ(stats_.connect_failures.value(), 0U);
  FinishHandshake();
}

TEST_F(NodeConnectionTest, RequestsWaitForARepeatedAttempt) {
  Make().Connect();
  Node().observer->OnConnected(EMFILE);
  Send(1);
  loop_.Advance(50ms);
  Node().observer->OnConnected(ENOBUFS);
  Send(2);
  loop_.Advance(50ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  Node().observer->OnConnected(0);
  Node().TakeWritten();
  Node().Receive("+PONG\r\n");
  FlushAll();
  Node().Receive("+1\r\n+2\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "+1\r\n"}, {2, "+2\r\n"}}));
}

TEST_F(NodeConnectionTest, RequestsWaitForARepeatedAttemptNoLongerThanTheirDeadline) {
  settings_.timeouts.total = 70ms;
  Make().Connect();
  Node().observer->OnConnected(EMFILE);
  Send(1);
  while (loop_.now() < net::TimePoint(65ms)) {
    loop_.Advance(1ms);
    if (!Node().closed()) Node().observer->OnConnected(EMFILE);
    EXPECT_TRUE(sink_.outcomes.empty());
  }
  loop_.Advance(6ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "no_connection"}}));
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kClosed);
}

TEST_F(NodeConnectionTest, ALostConnectionThatCannotBeReplacedKeepsTheNodeIn) {
  MakeReady();
  loop_.Advance(1s);
  Node().ReceiveEnd();
  Node().observer->OnConnected(EMFILE);
  EXPECT_EQ(connection_->state(), State::kConnecting);
  EXPECT_TRUE(connection_->accepts());
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kClosed);
  loop_.Advance(50ms);
  FinishHandshake();
}

TEST_F(NodeConnectionTest, ANodeThatIsKnownToBeDownStaysDownThroughTroubleOfOurOwn) {
  Make().Connect();
  Node().observer->OnConnected(ECONNREFUSED);
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kOpen);
  loop_.Advance(50ms);
  Node().observer->OnConnected(EMFILE);
  EXPECT_FALSE(connection_->accepts());
  loop_.Advance(50ms);
  FinishHandshake();
}

TEST_F(NodeConnectionTest, IsClosedWhileItWaitsToRepeatAnAttempt) {
  Make().Connect();
  Node().observer->OnConnected(EMFILE);
  Send(1);
  connection_->Drain();
  EXPECT_EQ(connection_->state(), State::kClosed);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "node_down"}}));
  const size_t attempts = loop_.sockets();
  loop_.Advance(10s);
  EXPECT_EQ(loop_.sockets(), attempts);
}

}  // namespace
}  // namespace ringproxy::backends
