// Large requests and replies on their way, a silence that the process looks into, and what is lost.
#include <gmock/gmock.h>

#include "tests/backends/link/node_connection_fixture.h"
#include "tests/support/log_capture.h"

namespace ringproxy::backends {
namespace {

TEST_F(NodeConnectionTest, CountsTheTimeOfARequestFromWhenItsLastByteWasWritten) {
  MakeReady();
  Node().room = 1000;
  connection_->Send(io_.blocks.Copy(std::string(200'000, 'x')), Ticket{0, 0, 1, Ticket::Kind::kSession});
  FlushAll();
  loop_.Advance(90ms);
  Node().room = 100'000;
  Node().observer->OnWritable();
  loop_.Advance(90ms);
  Node().room = SIZE_MAX;
  Node().observer->OnWritable();
  EXPECT_EQ(Node().TakeWritten().size(), 200'000U);
  loop_.Advance(99ms);
  EXPECT_TRUE(sink_.outcomes.empty());
  loop_.Advance(1ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}}));
}

TEST_F(NodeConnectionTest, HoldsTheTimeItTakesAgainstNothingWhileALargeReplyStreams) {
  MakeReady();
  Send(1);
  Send(2);
  FlushAll();
  Node().Receive("$1000000\r\n");
  for (int i = 0; i < 10; ++i) {
    Node().Receive(std::string(100'000, 'x'));
    loop_.Advance(90ms);
    EXPECT_TRUE(sink_.outcomes.empty());
  }
  Node().Receive("\r\n");
  EXPECT_EQ(sink_.outcomes.size(), 1U);
  Node().Receive("+two\r\n");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{2, "+two\r\n"}));
  EXPECT_EQ(stats_.timeouts.value(), 0U);
}

TEST_F(NodeConnectionTest, TakesBackALateRequestThatIsUnwrittenBehindAHeavyOne) {
  settings_.timeouts.heavy = 300ms;
  MakeReady();
  Node().TakeWritten();
  Node().room = 0;
  Send(1, "INCR a\r\n");
  connection_->Send("EVAL x\r\n", Ticket{0, 0, 2, Ticket::Kind::kSession}, wire::Work::kScript);
  Send(3, "INCR b\r\n");
  FlushAll();
  loop_.Advance(100ms);
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "timeout"}, {3, "timeout"}}));
  EXPECT_EQ(connection_->in_flight(), 1U);
  Node().room = SIZE_MAX;
  Node().observer->OnWritable();
  EXPECT_EQ(Node().TakeWritten(), "EVAL x\r\n");
  Node().Receive(":1\r\n");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{2, ":1\r\n"}));
}

TEST_F(NodeConnectionTest, AsksAboutASilentNodeAndGivesOnlyItselfUpWhenTheNodeIsWell) {
  settings_.check_timeout = 50ms;
  MakeReady();
  health_.observer.news.clear();
  Send(1);
  FlushAll();
  loop_.Advance(50ms);
  ASSERT_EQ(health_.observer.news.size(), 1U);
  EXPECT_TRUE(health_.observer.news[0].is_silent);
  for (int i = 0; i < 8; ++i) {
    guard_->Hurry();  // Each check goes well.
    loop_.Advance(50ms);
  }
  EXPECT_NE(connection_->state(), LinkState::kReady);
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kClosed);
}

TEST_F(NodeConnectionTest, WaitsForTheCheckBeforeItGivesItselfUp) {
  settings_.check_timeout = 50ms;
  MakeReady();
  Send(1);
  FlushAll();
  loop_.Advance(2s);
  EXPECT_EQ(connection_->state(), LinkState::kReady);
  guard_->OnCheckFailed();
  loop_.Advance(45ms);  // Before it asks again.
  guard_->OnCheckFailed();
  for (int i = 0; i < 10; ++i) {
    loop_.Advance(50ms);
    guard_->OnCheckFailed();
  }
  EXPECT_NE(connection_->state(), LinkState::kReady);
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kOpen);
}

TEST_F(NodeConnectionTest, LetsAHeavyRequestTakeItsTime) {
  settings_.timeouts.heavy = 2s;
  MakeReady();
  SendScript(1);
  Send(2);
  FlushAll();
  for (uint32_t i = 3; i < 18; ++i) {
    loop_.Advance(100ms);
    Send(i);
    FlushAll();
  }
  EXPECT_EQ(connection_->state(), LinkState::kReady);
  EXPECT_EQ(guard_->breaker().state(), CircuitBreaker::BreakerState::kClosed);
  EXPECT_EQ(stats_.excused_timeouts.value(), stats_.timeouts.value());
  Node().Receive("+done\r\n");
  EXPECT_EQ(sink_.outcomes.back(), (std::pair<uint32_t, std::string>{1, "+done\r\n"}));
}

TEST_F(NodeConnectionTest, BreaksWhereAValueNamesAnotherKeyThanWasAsked) {
  settings_.protocol = conf::Protocol::kMemcached;
  Make().Connect();
  Node().observer->OnConnected(0);
  Node().Receive("MN\r\n");
  for (uint32_t i = 1; i <= 3; ++i)
    connection_->Send("get key" + std::to_string(i) + "\r\n", {0, 0, i, Ticket::Kind::kSession});
  FlushAll();
  Node().Receive("VALUE key1 0 1\r\n1\r\nEND\r\n");
  // Out of step by one: from here on every client would read its neighbour's value.
  Node().Receive("VALUE key3 0 1\r\n3\r\nEND\r\n");
  EXPECT_EQ(sink_.outcomes, (Outcomes{{1, "VALUE key1 0 1\r\n1\r\nEND\r\n"}, {2, "node_down"}, {3, "node_down"}}));
  EXPECT_TRUE(loop_.socket(0).closed());
}

TEST_F(NodeConnectionTest, SaysHowManyRequestsWereLost) {
  const test::LogCapture log;
  loop_.Advance(1h);  // Other tests may have used up what may be said of this.
  for (const uint32_t count : {1U, 2U}) {
    MakeReady();
    for (uint32_t i = 0; i < count; ++i) Send(i);
    FlushAll();
    Node().ReceiveEnd();
    connection_.reset();
  }
  EXPECT_THAT(log.text(), testing::HasSubstr("is lost with 1 request under way: "));
  EXPECT_THAT(log.text(), testing::HasSubstr("is lost with 2 requests under way: "));
}

TEST_F(NodeConnectionTest, BreaksWhereAReplyIsOfAnotherKindThanItsCommandHas) {
  MakeReady();
  const auto send = [&](uint32_t slot, wire::ReplyShape shape) {
    connection_->Send("X\r\n", {0, 0, slot, Ticket::Kind::kSession}, {wire::Work::kPlain, shape});
  };
  send(1, wire::ReplyShape::kText);
  send(2, wire::ReplyShape::kInteger);
  send(3, wire::ReplyShape::kText);
  send(4, wire::ReplyShape::kAny);
  FlushAll();
  Node().Receive("$1\r\na\r\n-ERR whatever\r\n");
  // Out of step by one: this is the fourth's.
  Node().Receive("*1\r\n:3\r\n");
  EXPECT_EQ(sink_.outcomes,
            (Outcomes{{1, "$1\r\na\r\n"}, {2, "-ERR whatever\r\n"}, {3, "node_down"}, {4, "node_down"}}));
  EXPECT_TRUE(loop_.socket(0).closed());
}

TEST_F(NodeConnectionTest, TakesAnythingForAReplyWithinABatch) {
  MakeReady();
  connection_->Send(io_.blocks.Copy("MULTI\r\nINCR a\r\nEXEC\r\n"), {0, 0, 1, Ticket::Kind::kSession},
                    {wire::Work::kPlain, wire::ReplyShape::kInteger}, 3);
  FlushAll();
  Node().Receive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  EXPECT_EQ(sink_.outcomes.size(), 3U);
  EXPECT_EQ(connection_->state(), LinkState::kReady);
}

}  // namespace
}  // namespace ringproxy::backends
