// When a client that says nothing has to go.
#include "tests/proxy/control/limited_worker_fixture.h"

namespace ringproxy::proxy {
namespace {

class SessionIdleTest : public LimitedWorkerFixture {
 protected:
  void StartWithTimeout() {
    conf::Config config = TwoNodes();
    config.listeners[0].idle_timeout = 2s;
    config.pools[0].timeouts.request = 10s;
    Start(std::move(config));
  }
  // A client whose reply comes in this turn, when nothing has come for longer than the timeout.
  test::FakeSocket& AnswerLate() {
    StartWithTimeout();
    test::FakeSocket& client = NewClient();
    client.Receive(Encode({"GET", KeyOf(0)}));
    Settle();
    loop_.Advance(4900ms);
    Settle();
    Node(0).Receive("$-1\r\n");
    return client;
  }
};

TEST_F(SessionIdleTest, ClosesAnIdleClientAfterItsTimeoutButNoneThatWaitsForAReply) {
  StartWithTimeout();
  test::FakeSocket& idle = NewClient();
  test::FakeSocket& waiting = NewClient();
  waiting.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(4s);
  Settle();
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(waiting.closed());
}

TEST_F(SessionIdleTest, CountsTheIdleTimeoutFromTheLastReply) {
  test::FakeSocket& client = AnswerLate();
  Settle();
  loop_.Advance(100ms);
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n");
  EXPECT_FALSE(client.closed());
}

TEST_F(SessionIdleTest, DeliversAReplyThatCameInTheTurnOfTheIdleCheck) {
  test::FakeSocket& client = AnswerLate();
  loop_.Advance(100ms);  // The tick falls into the same turn.
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n");
}

TEST_F(SessionIdleTest, ClosesNoIdleClientWithoutATimeout) {
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = {};
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  Advance(1h);
  EXPECT_FALSE(client.closed());
  Ask(client, Encode({"PING"}));
  EXPECT_EQ(client.written, "+PONG\r\n");
}

}  // namespace
}  // namespace ringproxy::proxy
