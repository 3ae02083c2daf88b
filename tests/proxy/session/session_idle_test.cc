// When a client that says nothing has to go.
#include "tests/proxy/control/limited_worker_fixture.h"

namespace ringproxy::proxy {
namespace {

class SessionIdleTest : public LimitedWorkerFixture {};

TEST_F(SessionIdleTest, ClosesAnIdleClientAfterItsTimeoutButNoneThatWaitsForAReply) {
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = 2s;
  config.pools[0].timeouts.request = 10s;
  Start(std::move(config));
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
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = 2s;
  config.pools[0].timeouts.request = 10s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(4900ms);
  Settle();
  Node(0).Receive("$-1\r\n");
  Settle();
  loop_.Advance(100ms);
  Settle();
  EXPECT_EQ(client.written, "$-1\r\n");
  EXPECT_FALSE(client.closed());
}

TEST_F(SessionIdleTest, DeliversAReplyThatCameInTheTurnOfTheIdleCheck) {
  conf::Config config = TwoNodes();
  config.listeners[0].idle_timeout = 2s;
  config.pools[0].timeouts.request = 10s;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(4900ms);
  Settle();
  Node(0).Receive("$-1\r\n");
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
