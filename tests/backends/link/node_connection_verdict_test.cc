// What a request that was lost, or that waited for something large, says of the node, and what it does not.
#include "tests/backends/link/node_connection_fixture.h"

namespace ringproxy::backends {
namespace {

using State = LinkState;
using Breaker = CircuitBreaker::BreakerState;

// The same in slow motion: each connection lasts a while, and most requests die with it.
TEST_F(NodeConnectionTest, TripsTheBreakerWhenHalfOfTheRequestsAreLostWithTheirConnections) {
  MakeReady();
  for (int i = 0; i < 12 && guard_->breaker().state() == Breaker::kClosed; ++i) {
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
  EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  ASSERT_EQ(health_.observer.news.size(), 2U);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kConnection);
}

TEST_F(NodeConnectionTest, TakesALostReadOnTrialForABadOne) {
  MakeReady();
  Node().ReceiveEnd();
  Node().observer->OnConnected(ECONNREFUSED);
  ASSERT_EQ(guard_->breaker().state(), Breaker::kOpen);
  while (connection_->state() == State::kBackoff) loop_.Advance(1ms);
  FinishHandshake();
  ASSERT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  loop_.Advance(90ms);
  Send(1);
  FlushAll();
  Node().ReceiveEnd();
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
}

TEST_F(NodeConnectionTest, DoesNotJudgeLargeRequestsAndLargeRepliesByTheClock) {
  settings_.timeouts.request = 1s;
  const std::string large_reply = "$65536\r\n" + std::string(65536, 'r') + "\r\n";
  const std::string small_reply = "$60000\r\n" + std::string(60000, 'r') + "\r\n";
  for (const bool large_request : {false, true}) {
    for (const bool is_large_reply : {false, true}) {
      MakeReady();
      for (int second = 0; second < 4; ++second) {
        for (int i = 0; i < 20; ++i) Send(1, std::string(large_request ? 4097 : 4096, 'q'));
        FlushAll();
        loop_.Advance(300ms);
        for (int i = 0; i < 20; ++i) Node().Receive(is_large_reply ? large_reply : small_reply);
        loop_.Advance(700ms);
      }
      const bool judged = !large_request && !is_large_reply;
      EXPECT_EQ(guard_->breaker().state(), judged ? Breaker::kOpen : Breaker::kClosed);
    }
  }
}

TEST_F(NodeConnectionTest, CountsTheNodesFaultsAlsoInLargeRequests) {
  MakeReady();
  for (int i = 0; i < 5; ++i) Send(1, std::string(5000, 'q'));
  FlushAll();
  for (int i = 0; i < 5; ++i) Node().Receive("-LOADING x\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kOpen);
  EXPECT_EQ(sink_.outcomes.back().second, "-LOADING x\r\n");  // The client reads the node's own words.
}

TEST_F(NodeConnectionTest, HoldsNothingThatAClientsScriptSaysOrTakesAgainstTheNode) {
  settings_.breaker.min_requests = 1;
  settings_.breaker.slow_threshold = 50ms;
  settings_.timeouts.heavy = 100ms;
  MakeReady();
  for (int second = 0; second < 5; ++second) {
    for (int i = 0; i < 20; ++i) SendScript(1);
    FlushAll();
    loop_.Advance(60ms);
    for (int i = 0; i < 20; ++i) Node().Receive("-LOADING x\r\n");
    loop_.Advance(940ms);
  }
  EXPECT_EQ(sink_.outcomes.size(), 100U);
  EXPECT_EQ(sink_.outcomes.back().second, "-LOADING x\r\n");
  for (int i = 0; i < 20; ++i) SendScript(2);
  FlushAll();
  loop_.Advance(100ms);
  EXPECT_EQ(sink_.outcomes.back().second, "timeout");
  EXPECT_EQ(stats_.excused_timeouts.value(), 20U);
  EXPECT_TRUE(health_.observer.news.empty());
}

TEST_F(NodeConnectionTest, LetsNoScriptEndATrialOrSpeakForTheNode) {
  MakeReady();
  // Whatever a script says in between, they stand in a row.
  for (int i = 0; i < 5; ++i) {
    Send(1);
    SendScript(2);
    FlushAll();
    Node().Receive("-LOADING x\r\n+fine\r\n");
  }
  ASSERT_EQ(guard_->breaker().state(), Breaker::kOpen);
  while (probes_ == 0) loop_.Advance(10ms);
  FlushAll();
  Node().Receive("+PONG\r\n");
  ASSERT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  for (uint32_t i = 0; i < CircuitBreaker::kTrialSuccesses; ++i) SendScript(3);
  FlushAll();
  Node().Receive("+fine\r\n-LOADING x\r\n+fine\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kHalfOpen);
  for (uint32_t i = 0; i < CircuitBreaker::kTrialSuccesses; ++i) Send(4);
  FlushAll();
  for (uint32_t i = 0; i < CircuitBreaker::kTrialSuccesses; ++i) Node().Receive("+OK\r\n");
  EXPECT_EQ(guard_->breaker().state(), Breaker::kClosed);
}

TEST_F(NodeConnectionTest, ServesThroughANodeThatRefusesWrites) {
  settings_.breaker.min_requests = 1;
  MakeReady();
  for (int i = 0; i < 100; ++i) Send(1);
  FlushAll();
  for (int i = 0; i < 25; ++i) {
    Node().Receive("-OOM x\r\n-MISCONF x\r\n-READONLY x\r\n-NOREPLICAS x\r\n");
  }
  EXPECT_TRUE(health_.observer.news.empty());
}

// One client's large values are no fault of the node, and must not cut it off from all others.
TEST_F(NodeConnectionTest, BlamesNoNodeForWhatWaitsBehindALargeReply) {
  settings_.breaker.consecutive_failures = 3;
  MakeReady();
  for (uint32_t i = 1; i <= 10; ++i) Send(i);
  FlushAll();
  loop_.Advance(50ms);
  const std::string large = "$1000000\r\n" + std::string(1000000, 'x') + "\r\n";
  Node().Receive(large.substr(0, 1000));
  loop_.Advance(99ms);
  EXPECT_EQ(stats_.timeouts.value(), 0U);
  loop_.Advance(1ms);  // It has stopped to flow.
  EXPECT_EQ(stats_.timeouts.value(), 10U);
  EXPECT_EQ(stats_.excused_timeouts.value(), 10U);
  EXPECT_TRUE(health_.observer.news.empty());
  // What is sent after it is judged again.
  Node().Receive(large.substr(1000));
  for (uint32_t i = 11; i <= 13; ++i) Send(i);
  FlushAll();
  loop_.Advance(100ms);
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_EQ(health_.observer.news[0].reason, TripReason::kTimeouts);
}

TEST_F(NodeConnectionTest, TakesNoNodeForSlowWhoseSmallRepliesWaitBehindLargeOnes) {
  settings_.breaker.min_requests = 1;
  settings_.breaker.slow_ratio = {1000};
  settings_.breaker.slow_threshold = 50ms;
  MakeReady();
  for (uint32_t second = 0; second < 5; ++second) {
    Send(1);
    Send(2);
    FlushAll();
    loop_.Advance(60ms);
    Node().Receive("$100000\r\n" + std::string(100000, 'x') + "\r\n+OK\r\n");
    loop_.Advance(940ms);
  }
  EXPECT_EQ(sink_.outcomes.size(), 10U);
  EXPECT_TRUE(health_.observer.news.empty());
}

}  // namespace
}  // namespace ringproxy::backends
