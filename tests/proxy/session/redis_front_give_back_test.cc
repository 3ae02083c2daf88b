// What was popped for a client that has left meanwhile, around a whole worker: it goes back to its node.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "proxy/state/give_backs.h"
#include "tests/proxy/session/waiting_client_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class RedisFrontGiveBackTest : public WaitingClientFixture {
 protected:
  // Its client is gone, and the node, which is asked to end the wait, had popped something before.
  test::FakeSocket& LosePopped(const std::string& element = "v") {
    test::FakeSocket& client = NewClient();
    test::FakeSocket& link = Wait(client, Pop());
    Lose(client);
    test::FakeSocket& control = Control();
    EXPECT_EQ(control.TakeWritten(), Unblock());
    control.Receive(":0\r\n");
    link.Receive(Popped(element));
    Settle();
    return link;
  }
  net::Duration Pause() { return snapshot_->config.pools[0].timeouts.request / 3; }
};

TEST_F(RedisFrontGiveBackTest, WhatWasPoppedForAClientThatIsGoneIsPushedBackAndTheLinkServesTheNext) {
  Start();
  test::FakeSocket& link = LosePopped();
  EXPECT_EQ(link.TakeWritten(), Push());
  // Not before its answer.
  EXPECT_EQ(Stats().pinned_links.value(), 1U);
  EXPECT_EQ(Stats().given_back.value(), 0U);
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  EXPECT_EQ(Stats().lost_data.value(), 0U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  EXPECT_FALSE(link.closed());
  EXPECT_EQ(Ask(NewClient(), {Pop()}), "");
  EXPECT_THAT(link.TakeWritten(), HasSubstr("BLPOP"));
}

TEST_F(RedisFrontGiveBackTest, ALinkOnWhichAnUnblockMayStillComeServesNobodyAfterwards) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Lose(client);
  Control();
  Say(link, Popped("v"));
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  EXPECT_TRUE(link.closed());
}

TEST_F(RedisFrontGiveBackTest, ANodeThatRefusesIsAskedAgainAndThenItIsLost) {
  Start();
  test::FakeSocket& link = LosePopped();
  for (uint32_t i = 0; i < GiveBacks::kMostTries; ++i) {
    EXPECT_EQ(link.TakeWritten(), Push());
    Say(link, "-OOM command not allowed\r\n");
    EXPECT_THAT(link.TakeWritten(), IsEmpty());
    loop_.Advance(Pause());
    Settle();
  }
  EXPECT_THAT(link.TakeWritten(), IsEmpty());
  EXPECT_EQ(Stats().lost_data.value(), 1U);
  EXPECT_EQ(Stats().given_back.value(), 0U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, ANodeThatTakesItLaterHasIt) {
  Start();
  test::FakeSocket& link = LosePopped();
  link.TakeWritten();
  Say(link, "-OOM command not allowed\r\n");
  loop_.Advance(Pause());
  Settle();
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  EXPECT_EQ(Stats().lost_data.value(), 0U);
}

// Another connection may be in another database, and its node may have been started anew.
TEST_F(RedisFrontGiveBackTest, ItIsLostWithTheConnectionThatHasPoppedIt) {
  Start();
  test::FakeSocket& link = LosePopped();
  Say(link, "-OOM command not allowed\r\n");
  link.ReceiveEnd();
  Settle();
  const size_t sockets = loop_.sockets();
  loop_.Advance(Pause());
  Settle();
  EXPECT_EQ(Stats().lost_data.value(), 1U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  for (size_t i = sockets; i < loop_.sockets(); ++i) EXPECT_THAT(loop_.socket(i).written, Not(HasSubstr("LPUSH")));
}

// It may have been done: twice would be worse.
TEST_F(RedisFrontGiveBackTest, WhatWasSentAndNotAnsweredIsNotSentAgain) {
  Start();
  test::FakeSocket& link = LosePopped();
  EXPECT_EQ(link.TakeWritten(), Push());
  loop_.Advance(snapshot_->config.pools[0].timeouts.request);
  Settle();
  EXPECT_EQ(Stats().lost_data.value(), 1U);
  EXPECT_TRUE(link.TakeWritten().empty());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, OneThatStillReadsGetsWhatTheNodeDoesNotTakeBack) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.ReceiveEnd();
  Settle();
  Control().Receive(":0\r\n");
  EXPECT_EQ(Answer(link, client, Popped("v")), "");
  for (uint32_t i = 0; i + 1 < GiveBacks::kMostTries; ++i) {
    EXPECT_EQ(Answer(link, client, "-OOM command not allowed\r\n"), "");
    loop_.Advance(Pause());
    Settle();
  }
  EXPECT_EQ(Answer(link, client, "-OOM command not allowed\r\n"), Popped("v"));
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(Stats().lost_data.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, OneThatStillReadsIsNotGivenWhatMayHaveGoneBack) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.ReceiveEnd();
  Settle();
  Control().Receive(":0\r\n");
  EXPECT_EQ(Answer(link, client, Popped("v")), "");
  link.ReceiveEnd();
  EXPECT_THAT(Read(client), HasSubstr("lost while waiting: an element may have been taken"));
}

TEST_F(RedisFrontGiveBackTest, OneThatGoesWhileItIsGivenBackChangesNothing) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.ReceiveEnd();
  Settle();
  Control().Receive(":0\r\n");
  EXPECT_EQ(Answer(link, client, Popped("v")), "");
  Lose(client);
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, "-OOM command not allowed\r\n");
  loop_.Advance(Pause());
  Settle();
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

// As a server answers one that has said it and ended its side, if there is something at once.
TEST_F(RedisFrontGiveBackTest, WhatIsThereAtOnceIsReadThoughTheClientHasEndedItsSide) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode(Pop()));
  client.ReceiveEnd();
  Settle();
  client.observer->OnReadable();
  Settle();
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.Receive("+PONG\r\n");
  Settle();
  EXPECT_EQ(Answer(link, client, ":77\r\n" + Popped("v")), Popped("v"));
  EXPECT_TRUE(client.closed());
}

TEST_F(RedisFrontGiveBackTest, WhereNothingWasThereAtOnceTheWaitEndsAMomentLater) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = WaitBehindItsEnd(client);
  EXPECT_EQ(Answer(link, client, ":77\r\n"), "");
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), Encode({"PING"}));
  Say(control, "+PONG\r\n");
  EXPECT_EQ(control.TakeWritten(), Unblock());
  control.Receive(":0\r\n");
  EXPECT_EQ(Answer(link, client, Popped("v")), "");
  EXPECT_EQ(link.TakeWritten(), Push());
  EXPECT_EQ(Answer(link, client, ":1\r\n"), "*-1\r\n");
}

TEST_F(RedisFrontGiveBackTest, AWaitOverTheLinkOnWhichItsClientWatchesKeepsThatLink) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"WATCH", KeyOf(0)}));
  Settle();
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.Receive("+PONG\r\n");
  Settle();
  EXPECT_EQ(Answer(link, client, "+OK\r\n"), "+OK\r\n");
  link.TakeWritten();
  EXPECT_EQ(Ask(client, {Pop()}), "");
  EXPECT_EQ(Answer(link, client, ":77\r\n"), "");
  link.TakeWritten();
  Lose(client);
  EXPECT_EQ(Control().TakeWritten(), Unblock());
  Say(link, Popped("v"));
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  // It watches still.
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, ANodeThatHadNotBegunToWaitIsToldAgain) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Lose(client);
  test::FakeSocket& control = Control();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  Say(control, ":0\r\n");
  loop_.Advance(1s);
  Settle();
  EXPECT_EQ(control.TakeWritten(), Unblock());
  Say(control, ":1\r\n");
  Say(link, "*-1\r\n");
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  EXPECT_FALSE(link.closed());
}

TEST_F(RedisFrontGiveBackTest, ANodeThatKnowsNothingOfItAgainAndAgainLosesTheLink) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Lose(client);
  test::FakeSocket& control = Control();
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(link.closed());
    Say(control, ":0\r\n");
    loop_.Advance(1s);
    Settle();
  }
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, ItIsLostWhereItIsNotWanted) {
  conf::Config config = TwoNodes();
  config.pools[0].blocking.give_back = false;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Lose(client);
  EXPECT_TRUE(link.closed());
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, ADrainWaitsForIt) {
  Start();
  test::FakeSocket& link = LosePopped();
  bool drained = false;
  worker_->Drain({}, [&] { drained = true; });
  Settle();
  EXPECT_FALSE(drained);
  Say(link, ":1\r\n");
  EXPECT_TRUE(drained);
}

TEST_F(RedisFrontGiveBackTest, WhatDoesNotFitInMemoryIsLost) {
  constexpr size_t kLarge = 13 << 20;
  memory_ = std::make_unique<net::ProcessMemory>(32 << 20, 1);
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  Lose(client);
  Control().Receive(":0\r\n");
  Say(link, Popped(std::string(kLarge, 'x')));
  EXPECT_TRUE(link.TakeWritten().empty());
  EXPECT_EQ(Stats().lost_data.value(), 1U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontGiveBackTest, ANodeThatLeavesItsPoolMeanwhileTakesNothing) {
  Start();
  test::FakeSocket& link = LosePopped();
  Say(link, "-OOM command not allowed\r\n");
  conf::Config config = TwoNodes();
  config.pools[0].nodes.erase(config.pools[0].nodes.begin());
  worker_->Adopt(NewSnapshot(std::move(config)));
  Settle();
  link.TakeWritten();
  loop_.Advance(Pause());
  Settle();
  EXPECT_EQ(link.TakeWritten(), "");
  EXPECT_EQ(worker_->leaving_nodes(), 0U);
}

TEST_F(RedisFrontGiveBackTest, AWorkerMayEndMeanwhile) {
  Start();
  LosePopped();
}

}  // namespace
}  // namespace ringproxy::proxy
