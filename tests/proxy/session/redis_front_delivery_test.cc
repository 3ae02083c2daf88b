// What was popped for a client whose connection ends before it has the reply, around a whole worker.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "proxy/state/deliveries.h"
#include "tests/proxy/session/waiting_client_fixture.h"

namespace ringproxy::proxy {
namespace {

class RedisFrontDeliveryTest : public WaitingClientFixture {
 protected:
  // Its client had ended its side before the node was asked, and the reply is written to it. The link is returned.
  test::FakeSocket& WriteLast(test::FakeSocket& client) {
    test::FakeSocket& link = WaitBehindItsEnd(client);
    Say(link, ":77\r\n" + Popped("v"));
    return link;
  }
};

// Its connection ends between the node's reply and the end of the turn, in which it would be written.
TEST_F(RedisFrontDeliveryTest, WhatIsReadOfTheNodeAndNotWrittenGoesBack) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  link.Receive(Popped("v"));
  Lose(client);
  EXPECT_EQ(client.TakeWritten(), "");
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  EXPECT_FALSE(link.closed());
}

TEST_F(RedisFrontDeliveryTest, AnEndThatIsNotReadYetIsSeenBeforeTheReplyIsWritten) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.error = ECONNRESET;
  Say(link, Popped("v"));
  EXPECT_EQ(link.TakeWritten(), Push());
}

TEST_F(RedisFrontDeliveryTest, WhatTheSocketRefusesGoesBack) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  client.room = 5;
  Say(link, Popped("v"));
  EXPECT_EQ(Stats().pinned_links.value(), 1U);
  Lose(client);
  EXPECT_EQ(link.TakeWritten(), Push());
}

TEST_F(RedisFrontDeliveryTest, WhatIsInTheSocketOfOneThatReadsIsItsOwn) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& link = Wait(client, Pop());
  EXPECT_EQ(Answer(link, client, Popped("v")), Popped("v"));
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  Lose(client);
  EXPECT_EQ(link.TakeWritten(), "");
}

// The first reply may have been read, whatever becomes of the second.
TEST_F(RedisFrontDeliveryTest, OnlyWhatWasNotWrittenGoesBack) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {Pop(), Pop()}), "");
  test::FakeSocket& link = loop_.last_socket();
  link.observer->OnConnected(0);
  link.Receive("+PONG\r\n");
  Settle();
  EXPECT_EQ(Answer(link, client, ":77\r\n" + Popped("a")), Popped("a"));
  Settle();
  link.TakeWritten();
  link.Receive(":77\r\n" + Popped("b"));
  Lose(client);
  EXPECT_EQ(link.TakeWritten(), Push("b"));
}

TEST_F(RedisFrontDeliveryTest, OneThatWantsNoReplyHasGotIt) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {{"CLIENT", "REPLY", "OFF"}}), "");
  test::FakeSocket& link = Wait(client, Pop());
  EXPECT_EQ(Answer(link, client, Popped("v")), "");
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  EXPECT_EQ(Ask(client, {{"CLIENT", "REPLY", "ON"}}), "+OK\r\n");
}

TEST_F(RedisFrontDeliveryTest, WhatAClientThatHasEndedItsSideDoesNotTakeGoesBack) {
  Start();
  test::FakeSocket& client = NewClient();
  client.last_words = net::LastWords::kUnderWay;
  test::FakeSocket& link = WriteLast(client);
  EXPECT_EQ(client.TakeWritten(), Popped("v"));
  EXPECT_TRUE(client.writes_ended);
  EXPECT_EQ(link.TakeWritten(), "");
  EXPECT_EQ(Stats().pinned_links.value(), 1U);
  client.last_words = net::LastWords::kRefused;
  loop_.Advance(Deliveries::kPause);
  Settle();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(link.TakeWritten(), Push());
  Say(link, ":1\r\n");
  EXPECT_EQ(Stats().given_back.value(), 1U);
  EXPECT_EQ(Stats().lost_data.value(), 0U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontDeliveryTest, WhatItTakesIsItsOwn) {
  Start();
  test::FakeSocket& client = NewClient();
  client.last_words = net::LastWords::kUnderWay;
  test::FakeSocket& link = WriteLast(client);
  client.last_words = net::LastWords::kTaken;
  loop_.Advance(Deliveries::kPause);
  Settle();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(link.TakeWritten(), "");
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
  EXPECT_EQ(Stats().lost_data.value(), 0U);
}

TEST_F(RedisFrontDeliveryTest, WhatNeitherIsTakenNorRefusedIsCountedAsLost) {
  Start();
  test::FakeSocket& client = NewClient();
  client.last_words = net::LastWords::kUnderWay;
  test::FakeSocket& link = WriteLast(client);
  loop_.Advance(Deliveries::kPatience - Deliveries::kPause);
  EXPECT_EQ(Stats().lost_data.value(), 0U);
  loop_.Advance(Deliveries::kPause);
  Settle();
  EXPECT_TRUE(client.closed());
  EXPECT_EQ(link.TakeWritten(), "");
  EXPECT_EQ(Stats().lost_data.value(), 1U);
  EXPECT_EQ(Stats().pinned_links.value(), 0U);
}

TEST_F(RedisFrontDeliveryTest, TheOldestOfTooManyIsNotWaitedFor) {
  Start();
  test::FakeSocket& oldest = NewClient();
  oldest.last_words = net::LastWords::kUnderWay;
  WriteLast(oldest);
  for (size_t i = 1; i <= Deliveries::kMost; ++i) {
    EXPECT_FALSE(oldest.closed()) << i;
    test::FakeSocket& client = NewClient();
    client.last_words = net::LastWords::kUnderWay;
    WriteLast(client);
    EXPECT_FALSE(client.closed());
  }
  EXPECT_TRUE(oldest.closed());
  EXPECT_EQ(Stats().lost_data.value(), 1U);
}

TEST_F(RedisFrontDeliveryTest, ADrainWaitsForWhatBecomesOfIt) {
  Start();
  test::FakeSocket& client = NewClient();
  client.last_words = net::LastWords::kUnderWay;
  WriteLast(client);
  bool drained = false;
  worker_->Drain({}, [&] { drained = true; });
  Settle();
  EXPECT_FALSE(drained);
  client.last_words = net::LastWords::kTaken;
  loop_.Advance(Deliveries::kPause);
  Settle();
  EXPECT_TRUE(drained);
}

TEST_F(RedisFrontDeliveryTest, AWorkerMayEndWhileItIsNotKnown) {
  Start();
  test::FakeSocket& client = NewClient();
  client.last_words = net::LastWords::kUnderWay;
  WriteLast(client);
  Wait(NewClient(), Pop());
  loop_.last_socket().Receive(Popped("v"));
}

}  // namespace
}  // namespace ringproxy::proxy
