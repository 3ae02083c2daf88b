// Requests that are lost with their connections, and what that says of the node.
#include "tests/backends/node_connection_fixture.h"

namespace ringproxy::backends {
namespace {

using State = NodeConnection::State;
using Breaker = CircuitBreaker::State;

// The same in slow motion: each connection lasts a while, and most requests die with it.
TEST_F(NodeConnectionTest, TripsTheBreakerWhenHalfOfTheRequestsAreLostWithTheirConnections) {
  MakeReady();
  for (int i = 0; i < 12 && guard_->breaker_state() == Breaker::kClosed; ++i) {
    Send(1);
    FlushAll();
    Node().Receive("+1\r\n");
    Send(2);
    FlushAll();
    loop_.Advance(90ms);
    Node().ReceiveEnd();
    while (connection_->state() == State::kBackoff) loop_.Advance(1ms);
    FinishHandshake();
  }
  // The handshake put it on trial at once.
  EXPECT_EQ(guard_->breaker_state(), Breaker::kHalfOpen);
  ASSERT_EQ(health_.observer.news.size(), 2U);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kConnection);
}

TEST_F(NodeConnectionTest, TakesALostReadOnTrialForABadOne) {
  MakeReady();
  Node().ReceiveEnd();
  Node().observer->OnConnected(ECONNREFUSED);
  ASSERT_EQ(guard_->breaker_state(), Breaker::kOpen);
  while (connection_->state() == State::kBackoff) loop_.Advance(1ms);
  FinishHandshake();
  ASSERT_EQ(guard_->breaker_state(), Breaker::kHalfOpen);
  loop_.Advance(90ms);
  Send(1);
  FlushAll();
  Node().ReceiveEnd();
  EXPECT_EQ(guard_->breaker_state(), Breaker::kOpen);
}

}  // namespace
}  // namespace ringproxy::backends
