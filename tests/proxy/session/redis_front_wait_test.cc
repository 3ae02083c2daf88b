// Clients whose commands wait at a node, around a whole worker: what they read, and what reaches the node.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "tests/proxy/session/waiting_client_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kLost = "-ERR r0 lost while waiting: an element may have been taken\r\n";

using RedisFrontWaitTest = WaitingClientFixture;

TEST_F(RedisFrontWaitTest, WhatComesBehindItWaitsAndOthersDoNot) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  EXPECT_EQ(Ask(client, {{"GET", KeyOf(1)}, {"PING"}}), "");
  EXPECT_THAT(Node(1).TakeWritten(), IsEmpty());
  EXPECT_EQ(Ask(other, {{"PING"}}), "+PONG\r\n");
  EXPECT_EQ(Stats().in_flight.value(), 0U);
  EXPECT_EQ(Stats().pinned_links.value(), 1U);
  EXPECT_EQ(Answer(link, client, "*2\r\n+q\r\n+v\r\n"), "*2\r\n+q\r\n+v\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", KeyOf(1)}));
  EXPECT_EQ(Answer(Node(1), client, "$-1\r\n"), "$-1\r\n+PONG\r\n");
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  EXPECT_FALSE(link.closed());
}

TEST_F(RedisFrontWaitTest, NothingOfTheTimeThatItTakesIsHeldAgainstTheNode) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  loop_.Advance(1h);
  EXPECT_EQ(Answer(link, client, "*-1\r\n"), "*-1\r\n");
  EXPECT_EQ(Stats().timeouts.value(), 0U);
  EXPECT_THAT(observer_.news, IsEmpty());
}

TEST_F(RedisFrontWaitTest, ANodeThatKeepsItTooLongHasLostIt) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop("5"));
  loop_.Advance(5s);
  EXPECT_EQ(Read(client), "");
  loop_.Advance(10s);
  EXPECT_EQ(Read(client), kLost);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontWaitTest, ALostLinkIsNoTimeout) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  link.ReceiveEnd();
  EXPECT_EQ(Read(client), kLost);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontWaitTest, AClientThatIsGoneEndsIt) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Lose(client);
  EXPECT_TRUE(client.closed());
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  control.Receive(":1\r\n");
  link.Receive("*-1\r\n");
  Settle();
  EXPECT_FALSE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

// What it has moved is where it was to go.
TEST_F(RedisFrontWaitTest, WhatTakesNothingAwayIsClosedAtOnceWhenItsClientIsGone) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, {"BLMOVE", KeyOf(0), KeyOf(0), "LEFT", "LEFT", "0"});
  Lose(client);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontWaitTest, TheEndOfItsInputHasTheNodeEndItAndNothingIsLost) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Ask(client, {{"PING"}});
  client.ReceiveEnd();
  Settle();
  EXPECT_FALSE(client.closed());
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  // Something was quicker; what came behind is answered too.
  EXPECT_EQ(Answer(link, client, Popped("v")), "");
  EXPECT_EQ(link.TakeWritten(), Encode({"LPUSH", KeyOf(0), "v"}));
  EXPECT_EQ(Answer(link, client, ":1\r\n"), "*-1\r\n+PONG\r\n");
  client.observer->OnReadable();
  Settle();
  EXPECT_TRUE(client.closed());
  // The node has not read yet what is to end this wait: it would end the next one over the same link.
  EXPECT_TRUE(link.closed());
  control.Receive(":0\r\n");
}

// Its user may not be allowed to. What is left waiting would take an element for nobody.
TEST_F(RedisFrontWaitTest, ANodeThatIsNotToldOfItsEndLosesTheLink) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.ReceiveEnd();
  Settle();
  Control().Receive("-NOPERM this user has no permissions to run the 'client|unblock' command\r\n");
  Settle();
  EXPECT_TRUE(link.closed());
  EXPECT_THAT(client.TakeWritten(), HasSubstr("lost while waiting"));
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

// The link may have been cut off without a word.
TEST_F(RedisFrontWaitTest, ANodeThatKnowsNothingOfItAgainAndAgainLosesTheLink) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.ReceiveEnd();
  Settle();
  test::FakeSocket& control = Control();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(link.closed());
    EXPECT_EQ(control.TakeWritten(), Unblock());
    control.Receive(":0\r\n");
    loop_.Advance(1s);
    Settle();
  }
  EXPECT_TRUE(link.closed());
  EXPECT_THAT(client.TakeWritten(), HasSubstr("lost while waiting"));
}

TEST_F(RedisFrontWaitTest, ALinkThatHasNoNumberIsClosedAtTheEnd) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {Pop()}), "");
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.TakeWritten();
  link.Receive("+PONG\r\n");
  Settle();
  client.ReceiveEnd();
  Settle();
  // It closes within the handling of the very reply that says so.
  link.Receive("-ERR unknown command 'CLIENT'\r\n");
  Settle();
  EXPECT_TRUE(link.closed());
  EXPECT_THAT(client.TakeWritten(), HasSubstr("lost while waiting"));
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

// The link may have been cut off without a word.
TEST_F(RedisFrontWaitTest, ALinkThatDoesNotTellItsNumberInTimeIsLost) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {Pop()}), "");
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.Receive("+PONG\r\n");
  Settle();
  EXPECT_FALSE(link.closed());
  loop_.Advance(snapshot_->config.pools[0].timeouts.request);
  EXPECT_EQ(Read(client), kLost);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontWaitTest, ItsEndDoesNotStandBehindWhatOthersHaveSent) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Node(0).room = 0;
  Ask(other, {{"SET", KeyOf(0), std::string(100'000, 'x')}});
  client.ReceiveEnd();
  Settle();
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  control.Receive(":1\r\n");
  EXPECT_EQ(Answer(link, client, "*-1\r\n"), "*-1\r\n");
  EXPECT_THAT(Node(0).TakeWritten(), IsEmpty());
}

TEST_F(RedisFrontWaitTest, ADrainEndsItEvenIfTheNodeHadNotBegunToWait) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  bool drained = false;
  worker_->Drain({}, [&] { drained = true; });
  Settle();
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  control.Receive(":0\r\n");
  loop_.Advance(1s);
  Settle();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  control.Receive(":1\r\n");
  EXPECT_EQ(Answer(link, client, "*-1\r\n"), "*-1\r\n");
  EXPECT_FALSE(link.closed());
  EXPECT_TRUE(drained);
}

TEST_F(RedisFrontWaitTest, ItWaitsForItsTurnAndForItsLimits) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "pops";
  limit.match.command = {"blpop"};
  limit.rate = {.amount = 1};
  limit.burst = 1;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {{"SET", KeyOf(0), "v"}, Pop(), Pop()}), "");
  EXPECT_EQ(Answer(Node(0), client, "+OK\r\n"), "+OK\r\n");
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.Receive("+PONG\r\n");
  Settle();
  EXPECT_THAT(Answer(link, client, ":77\r\n*-1\r\n"), StartsWith("*-1\r\n-RATELIMITED"));
}

TEST_F(RedisFrontWaitTest, ANodeThatLeavesEndsIt) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  conf::Config config = TwoNodes();
  config.pools[0].nodes.erase(config.pools[0].nodes.begin());
  worker_->Adopt(NewSnapshot(std::move(config)));
  EXPECT_EQ(Read(client), kLost);
  EXPECT_TRUE(link.closed());
  Settle();
  EXPECT_EQ(worker_->leaving_nodes(), 0U);
}

TEST_F(RedisFrontWaitTest, NothingIsMovedFromOneNodeToAnother) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  EXPECT_THAT(Ask(client, {{"BLMOVE", KeyOf(0), KeyOf(1), "LEFT", "LEFT", "0"}}), StartsWith("-CROSSSLOT "));
  EXPECT_EQ(loop_.sockets(), sockets);
}

TEST_F(RedisFrontWaitTest, AClientHasNoMoreLinksOfItsOwnThanMayBe) {
  Start();
  for (const uint32_t most : {0U, 1U, 2U}) {
    conf::Config config = TwoNodes();
    config.listeners[0].pinned_per_client = most;
    worker_->Adopt(NewSnapshot(std::move(config)));
    Settle();
    test::FakeSocket& client = NewClient();
    const std::string watched = Ask(client, {{"WATCH", KeyOf(1)}});
    if (most > 0) {
      test::FakeSocket& link = loop_.last_socket();
      link.observer->OnConnected(0);
      link.Receive("+PONG\r\n");
      Settle();
      EXPECT_EQ(Answer(link, client, "+OK\r\n"), "+OK\r\n");
    } else {
      EXPECT_THAT(watched, HasSubstr("pinned_per_client allows 0"));
    }
    const std::string waits = Ask(client, {Pop()});
    if (most == 2) {
      EXPECT_EQ(waits, "");
    }
    if (most < 2) {
      EXPECT_THAT(waits, StartsWith("-ERR max number of connections to nodes of one client's own reached: "));
    }
    // The next one opens links of its own.
    client.error = ECONNRESET;
    client.observer->OnReadable();
    Settle();
  }
}

TEST_F(RedisFrontWaitTest, AReadOfAStreamThatDoesNotBlockIsAnyRead) {
  Start();
  test::FakeSocket& client = NewClient();
  Ask(client, {{"XREAD", "STREAMS", KeyOf(0), "0"}, {"GET", KeyOf(0)}});
  EXPECT_THAT(Node(0).TakeWritten(), HasSubstr("GET"));
}

TEST_F(RedisFrontWaitTest, AClientThatSendsMuchMeanwhileIsNotReadAnyFurther) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  EXPECT_TRUE(client.watches_reads);
  for (int i = 0; i < 40; ++i) client.Receive(Encode({"ECHO", std::string(4000, 'x')}));
  Settle();
  EXPECT_FALSE(client.watches_reads);
  EXPECT_THAT(Answer(link, client, "*-1\r\n"), StartsWith("*-1\r\n$4000\r\n"));
}

TEST_F(RedisFrontWaitTest, AWorkerMayEndMeanwhile) {
  Start();
  Wait(NewClient(), Pop());
}

}  // namespace
}  // namespace ringproxy::proxy
