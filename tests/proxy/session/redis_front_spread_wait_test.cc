// Clients whose commands wait at two nodes, around a whole worker: what they read, and what reaches the nodes.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "proxy/state/probe.h"
#include "tests/proxy/session/pinned_client_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kNothingThere = "+OK\r\n+QUEUED\r\n*1\r\n*-1\r\n";
constexpr std::string_view kLostAtFirst = "-ERR r0 lost while waiting: an element may have been taken\r\n";

class RedisFrontSpreadWaitTest : public PinnedClientFixture {
 protected:
  std::string ProbeOf(uint32_t node) { return Probe::RequestsOf(Encode({"BLPOP", KeyOf(node), "0.001000"})); }
  std::string WaiterOf(uint32_t node) { return Encode({"BLMOVE", KeyOf(node), KeyOf(node), "LEFT", "LEFT", "0"}); }
  static std::string UnblockOf(int number) { return Encode({"CLIENT", "UNBLOCK", std::to_string(number), "TIMEOUT"}); }
  // Both nodes have nothing, and each keeps a waiter over a link of its own: the last two sockets, which tell their
  // numbers in these words.
  test::FakeSocket& Wait(const std::string& first = ":70\r\n", const std::string& second = ":71\r\n") {
    test::FakeSocket& client = NewClient();
    EXPECT_EQ(Ask(client, {{"BLPOP", KeyOf(0), KeyOf(1), "0"}}), "");
    EXPECT_EQ(Node(0).TakeWritten(), ProbeOf(0));
    EXPECT_THAT(Node(1).TakeWritten(), IsEmpty());
    Answer(Node(0), client, std::string(kNothingThere));
    EXPECT_EQ(Node(1).TakeWritten(), ProbeOf(1));
    first_link_ = loop_.sockets();
    Answer(Node(1), client, std::string(kNothingThere));
    EXPECT_EQ(loop_.sockets(), first_link_ + 2);
    for (uint32_t i = 0; i < 2; ++i) {
      Greet(Link(i));
      EXPECT_EQ(Link(i).TakeWritten(), Encode({"CLIENT", "ID"}) + WaiterOf(i));
      EXPECT_EQ(Answer(Link(i), client, i == 0 ? first : second), "");
    }
    return client;
  }
  test::FakeSocket& Link(size_t i) { return loop_.socket(first_link_ + i); }
  // A link that is being opened is ready.
  void Greet(test::FakeSocket& link) {
    link.observer->OnConnected(0);
    link.TakeWritten();
    link.Receive("+PONG\r\n");
    Settle();
  }
  // The control link of a node, which has just been opened.
  test::FakeSocket& Control() {
    test::FakeSocket& control = loop_.last_socket();
    Greet(control);
    return control;
  }
  // Its client is gone while the first node has the turn: the link over which it has it.
  test::FakeSocket& LoseInTurn() {
    test::FakeSocket& client = NewClient();
    EXPECT_EQ(Ask(client, {{"BZPOPMIN", KeyOf(0), KeyOf(1), "0"}}), "");
    Answer(Node(0), client, std::string(kNothingThere));
    Answer(Node(1), client, std::string(kNothingThere));
    test::FakeSocket& turn = loop_.last_socket();
    Greet(turn);
    EXPECT_EQ(turn.TakeWritten(), Encode({"BZPOPMIN", KeyOf(0), "0.100000"}));
    client.error = ECONNRESET;
    client.observer->OnReadable();
    Settle();
    return turn;
  }
  uint64_t Leased(size_t node) { return AllNodes(*snapshot_)[node]->stats(0).pinned_links.value(); }

  size_t first_link_ = 0;
};

TEST_F(RedisFrontSpreadWaitTest, WhatWakesItIsAskedForAndTheOtherWaiterIsEnded) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), ProbeOf(1));
  EXPECT_EQ(Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n*2\r\n+q\r\n+v\r\n"), "*2\r\n+q\r\n+v\r\n");
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(70));
  // The node has not read its command yet.
  control.Receive(":0\r\n");
  Settle();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(70));
  control.Receive(":1\r\n");
  Link(0).Receive("*-1\r\n");
  Settle();
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
  EXPECT_FALSE(Link(0).closed());
  EXPECT_FALSE(Link(1).closed());
}

TEST_F(RedisFrontSpreadWaitTest, ATimeThatIsNoneIsJudgedByTheNodeOfTheFirstKey) {
  Start();
  test::FakeSocket& client = NewClient();
  const size_t sockets = loop_.sockets();
  EXPECT_EQ(Ask(client, {{"BLPOP", KeyOf(1), KeyOf(0), "x"}}), "");
  ASSERT_EQ(loop_.sockets(), sockets + 1);
  test::FakeSocket& link = loop_.last_socket();
  Greet(link);
  // It takes nothing of the other one, whatever is made of the time.
  EXPECT_EQ(link.TakeWritten(), Encode({"CLIENT", "ID"}) + Encode({"BLPOP", KeyOf(1), KeyOf(1), "x"}));
  EXPECT_EQ(Answer(link, client, ":9\r\n-ERR timeout\r\n"), "-ERR timeout\r\n");
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, WhereAnotherWasFasterItsWaiterBeginsAnew) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(0), client, "$1\r\nv\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), ProbeOf(0));
  // It waits meanwhile: one probe at a time.
  EXPECT_EQ(Answer(Link(1), client, "$1\r\nv\r\n"), "");
  EXPECT_THAT(Node(1).TakeWritten(), IsEmpty());
  EXPECT_EQ(Answer(Node(0), client, std::string(kNothingThere)), "");
  EXPECT_EQ(Node(1).TakeWritten(), ProbeOf(1));
  EXPECT_EQ(Answer(Node(1), client, std::string(kNothingThere)), "");
  EXPECT_EQ(Link(0).TakeWritten(), WaiterOf(0));
  EXPECT_EQ(Link(1).TakeWritten(), WaiterOf(1));
}

TEST_F(RedisFrontSpreadWaitTest, AClientThatIsGoneEndsItEverywhere) {
  Start();
  test::FakeSocket& client = Wait();
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  EXPECT_TRUE(Link(0).closed());
  EXPECT_TRUE(Link(1).closed());
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, WhatAProbeHasPoppedForAClientThatIsGoneGoesBackOverALinkOfItsOwn) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), ProbeOf(1));
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  const size_t sockets = loop_.sockets();
  Node(1).Receive("+OK\r\n+QUEUED\r\n*1\r\n" + Encode({KeyOf(1), "v"}));
  Settle();
  // One for the push, and that which ends the other waiter.
  ASSERT_EQ(loop_.sockets(), sockets + 2);
  test::FakeSocket& push = loop_.socket(sockets);
  Greet(push);
  EXPECT_EQ(push.TakeWritten(), Encode({"LPUSH", KeyOf(1), "v"}));
  push.Receive(":1\r\n");
  EXPECT_EQ(Control().TakeWritten(), UnblockOf(70));
  loop_.last_socket().Receive(":1\r\n");
  Link(0).Receive("*-1\r\n");
  Settle();
  EXPECT_EQ(AllNodes(*snapshot_)[1]->stats(0).given_back.value(), 1U);
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

// Its connection ends between the node's reply and the write of it.
TEST_F(RedisFrontSpreadWaitTest, WhatAProbeHasPoppedAndIsNotWrittenGoesBackOverALinkOfItsOwn) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  client.room = 5;
  const size_t sockets = loop_.sockets();
  Node(1).Receive("+OK\r\n+QUEUED\r\n*1\r\n" + Encode({KeyOf(1), "v"}));
  Settle();
  // That which ends the other waiter: nothing is leased for data that is not to go back.
  ASSERT_EQ(loop_.sockets(), sockets + 1);
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  ASSERT_EQ(loop_.sockets(), sockets + 2);
  test::FakeSocket& push = loop_.last_socket();
  Greet(push);
  EXPECT_EQ(push.TakeWritten(), Encode({"LPUSH", KeyOf(1), "v"}));
  push.Receive(":1\r\n");
  Settle();
  EXPECT_EQ(AllNodes(*snapshot_)[1]->stats(0).given_back.value(), 1U);
  EXPECT_EQ(AllNodes(*snapshot_)[1]->stats(0).lost_data.value(), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, WhatIsInTheSocketOfOneThatReadsIsItsOwn) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  const std::string popped = Encode({KeyOf(1), "v"});
  EXPECT_EQ(Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n" + popped), popped);
  const size_t sockets = loop_.sockets();
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  EXPECT_EQ(loop_.sockets(), sockets);
  EXPECT_EQ(AllNodes(*snapshot_)[1]->stats(0).lost_data.value(), 0U);
}

// It has read an error meanwhile.
TEST_F(RedisFrontSpreadWaitTest, WhatAProbeHasPoppedForNobodyGoesBackAndIsNoSecondReply) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  Link(0).ReceiveEnd();
  EXPECT_EQ(Read(client), kLostAtFirst);
  EXPECT_EQ(Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n" + Encode({KeyOf(1), "v"})), "");
  test::FakeSocket& push = loop_.last_socket();
  Greet(push);
  EXPECT_EQ(push.TakeWritten(), Encode({"LPUSH", KeyOf(1), "v"}));
  push.Receive(":1\r\n");
  Settle();
  EXPECT_EQ(Ask(client, {{"PING"}}), "+PONG\r\n");
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, WhatATurnHasPoppedForAClientThatIsGoneGoesBackOverItsLink) {
  Start();
  test::FakeSocket& turn = LoseInTurn();
  EXPECT_FALSE(turn.closed());
  turn.Receive(Encode({KeyOf(0), "member", "1.5"}));
  Settle();
  EXPECT_EQ(turn.TakeWritten(), Encode({"ZADD", KeyOf(0), "NX", "1.5", "member"}));
  turn.Receive(":1\r\n");
  Settle();
  EXPECT_FALSE(turn.closed());
  EXPECT_EQ(AllNodes(*snapshot_)[0]->stats(0).given_back.value(), 1U);
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, ADrainWaitsForATurnOfAClientThatIsGone) {
  Start();
  test::FakeSocket& turn = LoseInTurn();
  bool drained = false;
  worker_->Drain({}, [&] { drained = true; });
  Settle();
  EXPECT_FALSE(drained);
  turn.Receive(Encode({KeyOf(0), "member", "1.5"}));
  Settle();
  EXPECT_FALSE(drained);
  turn.Receive(":1\r\n");
  Settle();
  EXPECT_TRUE(drained);
}

TEST_F(RedisFrontSpreadWaitTest, OneThatHasEndedItsSideReadsThatNothingCameWhenItsDataIsBack) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  client.ReceiveEnd();
  Settle();
  const size_t sockets = loop_.sockets();
  EXPECT_EQ(Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n" + Encode({KeyOf(1), "v"})), "");
  test::FakeSocket& push = loop_.socket(sockets);
  Greet(push);
  EXPECT_EQ(push.TakeWritten(), Encode({"LPUSH", KeyOf(1), "v"}));
  EXPECT_EQ(Answer(push, client, ":1\r\n"), "*-1\r\n");
}

TEST_F(RedisFrontSpreadWaitTest, WhereTheNodeHasNoLinkForItWhatWasPoppedForNobodyIsLostAndCounted) {
  conf::Config config = TwoNodes();
  config.pools[0].pinned_per_node = 1;
  Start(std::move(config));
  test::FakeSocket& client = Wait();
  Answer(Link(0), client, "$1\r\nv\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), ProbeOf(0));
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n" + Encode({KeyOf(0), "v"}));
  Settle();
  EXPECT_EQ(AllNodes(*snapshot_)[0]->stats(0).lost_data.value(), 1U);
}

TEST_F(RedisFrontSpreadWaitTest, ALostLinkIsNoTimeoutAndEndsTheOtherWaiter) {
  Start();
  test::FakeSocket& client = Wait();
  Link(0).ReceiveEnd();
  EXPECT_EQ(Read(client), kLostAtFirst);
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(71));
  control.Receive(":1\r\n");
  Link(1).Receive("*-1\r\n");
  Settle();
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, ANodeThatDoesNotEndWaitsHasTheLinkClosed) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n*2\r\n+q\r\n+v\r\n");
  Control().Receive("-NOPERM this user has no permissions\r\n");
  Settle();
  EXPECT_TRUE(Link(0).closed());
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

// The link may have been cut off without a word.
TEST_F(RedisFrontSpreadWaitTest, ANodeThatKnowsNothingOfAWaiterAgainAndAgainLosesTheLink) {
  Start();
  test::FakeSocket& client = Wait();
  Answer(Link(1), client, "$1\r\nv\r\n");
  Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n*2\r\n+q\r\n+v\r\n");
  test::FakeSocket& control = Control();
  for (int i = 0; i < 16; ++i) {
    EXPECT_FALSE(Link(0).closed());
    EXPECT_EQ(control.TakeWritten(), UnblockOf(70));
    control.Receive(":0\r\n");
    Settle();
  }
  EXPECT_TRUE(Link(0).closed());
  EXPECT_THAT(control.TakeWritten(), IsEmpty());
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, ALinkThatDoesNotTellItsNumberInTimeIsClosedAtTheEnd) {
  Start();
  test::FakeSocket& client = Wait(":71\r\n", "");
  Answer(Link(0), client, "$1\r\nv\r\n");
  EXPECT_EQ(Answer(Node(0), client, "+OK\r\n+QUEUED\r\n*1\r\n*2\r\n+q\r\n+v\r\n"), "*2\r\n+q\r\n+v\r\n");
  EXPECT_FALSE(Link(1).closed());
  loop_.Advance(snapshot_->config.pools[0].timeouts.request);
  Settle();
  EXPECT_TRUE(Link(1).closed());
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, ALinkThatDoesNotTellItsNumberInTimeIsLost) {
  Start();
  test::FakeSocket& client = Wait("", ":71\r\n");
  loop_.Advance(snapshot_->config.pools[0].timeouts.request);
  EXPECT_EQ(Read(client), kLostAtFirst);
  EXPECT_TRUE(Link(0).closed());
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), UnblockOf(71));
  control.Receive(":1\r\n");
  Link(1).Receive("*-1\r\n");
  Settle();
  EXPECT_EQ(Leased(0) + Leased(1), 0U);
}

TEST_F(RedisFrontSpreadWaitTest, ItKeepsNoConfigurationAndAsksByTheOneInForce) {
  Start();
  test::FakeSocket& client = Wait();
  const size_t before = handed_back_.size();
  worker_->Adopt(NewSnapshot(TwoNodes()));
  Settle();
  EXPECT_EQ(handed_back_.size(), before + 1);
  Answer(Link(1), client, "$1\r\nv\r\n");
  EXPECT_EQ(Node(1).TakeWritten(), ProbeOf(1));
  EXPECT_EQ(Answer(Node(1), client, "+OK\r\n+QUEUED\r\n*1\r\n*2\r\n+q\r\n+v\r\n"), "*2\r\n+q\r\n+v\r\n");
}

TEST_F(RedisFrontSpreadWaitTest, AWorkerMayEndMeanwhile) {
  Start();
  Wait();
}

TEST_F(RedisFrontSpreadWaitTest, TooManyKeysAreNotWaitedFor) {
  Start();
  std::vector<std::string> request{"BLPOP"};
  for (int i = 0; i <= 1000; ++i) request.push_back("k" + std::to_string(i));
  request.emplace_back("0");
  EXPECT_THAT(Ask(NewClient(), {request}), HasSubstr("-CROSSSLOT "));
}

}  // namespace
}  // namespace ringproxy::proxy
