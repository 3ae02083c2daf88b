// A drain, and the clients that are told of it.
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPush = ">4\r\n$6\r\nMOVING\r\n:7\r\n:20\r\n$5\r\nb:638\r\n";

class SessionDrainTest : public WorkerFixture {
 protected:
  // With a link of RESP3 to each node, which these clients take.
  void Start() {
    conf::Config config = TwoNodes();
    config.pools[0].timeouts.request = 10s;
    config.pools[0].reconnect.rate = {1000, 1s};
    WorkerFixture::Start(std::move(config));
    test::FakeSocket& client = NewMover();
    first_link_ = loop_.sockets();
    client.Receive(Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
    Settle();
    for (size_t node = 0; node < 2; ++node) {
      Link(node).observer->OnConnected(0);
      Link(node).Receive("%1\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n+PONG\r\n");
      Settle();
      EXPECT_TRUE(Link(node).TakeWritten().ends_with(Encode({"GET", KeyOf(static_cast<uint32_t>(node))})));
      Link(node).Receive("_\r\n");
    }
    client.ReceiveEnd();
    Settle();
  }
  test::FakeSocket& Link(size_t node) { return loop_.socket(first_link_ + node); }
  // One that has asked to be told.
  test::FakeSocket& NewMover(const std::string& protocol = "3") {
    test::FakeSocket& client = NewClient();
    client.Receive(Encode({"HELLO", protocol}) + Encode({"CLIENT", "MAINT_NOTIFICATIONS", "ON"}));
    Settle();
    client.TakeWritten();
    return client;
  }
  void Drain() {
    worker_->Drain({.number = 7, .time = 20s, .endpoint = "b:638"}, [this] { ++drained_; });
    Settle();
  }

  // `reply`: of the nodes, which are asked before the drain.
  test::FakeSocket& DrainWhileItSelects(const std::string& reply) {
    test::FakeSocket& mover = NewMover();
    const size_t before = loop_.sockets();
    mover.Receive(Encode({"SELECT", "3"}));
    Settle();
    Drain();
    EXPECT_EQ(mover.written, "");
    EXPECT_EQ(loop_.sockets(), before + 2);
    for (size_t i = before; i < loop_.sockets(); ++i) {
      test::FakeSocket& link = loop_.socket(i);
      link.observer->OnConnected(0);
      link.Receive("%1\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n" + reply + "+PONG\r\n");
      Settle();
      if (link.TakeWritten().ends_with(Encode({"SELECT", "3"}))) link.Receive(reply);
      Settle();
    }
    return mover;
  }

  size_t first_link_ = 0;
  int drained_ = 0;
};

TEST_F(SessionDrainTest, AClientThatIsToldIsServedUntilItLeaves) {
  Start();
  test::FakeSocket& mover = NewMover();
  test::FakeSocket& other = NewClient();
  Drain();
  EXPECT_EQ(mover.TakeWritten(), kPush);
  EXPECT_TRUE(other.closed());
  EXPECT_EQ(other.written, "");
  mover.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  Link(0).Receive("$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(mover.TakeWritten(), "$1\r\nv\r\n");
  EXPECT_FALSE(mover.closed());
  EXPECT_EQ(drained_, 0);
  mover.ReceiveEnd();
  Settle();
  EXPECT_TRUE(mover.closed());
  EXPECT_EQ(mover.written, "");
  EXPECT_EQ(drained_, 1);
}

TEST_F(SessionDrainTest, AClientThatStaysHasItsLastReplyAtTheEnd) {
  Start();
  test::FakeSocket& mover = NewMover();
  Drain();
  EXPECT_EQ(mover.TakeWritten(), kPush);
  loop_.Advance(18900ms);
  mover.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  loop_.Advance(200ms);
  mover.Receive(Encode({"PING"}));
  Settle();
  EXPECT_FALSE(mover.closed());
  Link(0).Receive("$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(mover.written, "$1\r\nv\r\n") << "it is told once, and what it sends after its time is not answered";
  EXPECT_TRUE(mover.closed());
  EXPECT_EQ(drained_, 1);
}

TEST_F(SessionDrainTest, AClientOfResp2IsToldNothing) {
  Start();
  test::FakeSocket& client = NewMover("2");
  test::FakeSocket& changed = NewMover();
  changed.Receive(Encode({"HELLO", "2"}));
  Settle();
  changed.TakeWritten();
  Drain();
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(changed.closed());
  EXPECT_EQ(client.written + changed.written, "");
  EXPECT_EQ(drained_, 1);
}

TEST_F(SessionDrainTest, TheMessageStandsBetweenReplies) {
  Start();
  test::FakeSocket& pipelines = NewMover();
  pipelines.Receive(Encode({"GET", KeyOf(0)}) + Encode({"GET", KeyOf(1)}));
  test::FakeSocket& queues = NewMover();
  queues.Receive(Encode({"MULTI"}) + Encode({"GET", KeyOf(0)}));
  Settle();
  EXPECT_EQ(queues.TakeWritten(), "+OK\r\n+QUEUED\r\n");
  Drain();
  EXPECT_EQ(queues.TakeWritten(), "") << "it is told when its transaction is on its way";
  Link(1).Receive("$1\r\nb\r\n");
  Settle();
  Link(0).Receive("$1\r\na\r\n");
  Settle();
  EXPECT_EQ(pipelines.written, std::string(kPush) + "$1\r\na\r\n$1\r\nb\r\n");
  queues.Receive(Encode({"EXEC"}));
  Settle();
  Link(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n$1\r\na\r\n");
  Settle();
  EXPECT_EQ(queues.written, std::string(kPush) + "*1\r\n$1\r\na\r\n");
}

TEST_F(SessionDrainTest, WhoeverDiscardsIsToldThenAndWhoeverStaysHasItsLastReply) {
  Start();
  test::FakeSocket& discards = NewMover();
  test::FakeSocket& stays = NewMover();
  for (test::FakeSocket* client : {&discards, &stays}) client->Receive(Encode({"MULTI"}));
  Settle();
  Drain();
  discards.Receive(Encode({"DISCARD"}));
  Settle();
  EXPECT_EQ(discards.TakeWritten(), "+OK\r\n+OK\r\n" + std::string(kPush));
  discards.ReceiveEnd();
  loop_.Advance(19s);
  Settle();
  EXPECT_EQ(stays.written, "+OK\r\n");
  EXPECT_TRUE(stays.closed());
  EXPECT_EQ(drained_, 1);
}

TEST_F(SessionDrainTest, AClientThatLeavesBeforeItIsToldIsForgotten) {
  Start();
  test::FakeSocket& mover = NewMover();
  mover.Receive(Encode({"MULTI"}));
  Settle();
  Drain();
  EXPECT_EQ(drained_, 0);
  mover.ReceiveEnd();
  Settle();
  EXPECT_EQ(mover.written, "+OK\r\n");
  EXPECT_EQ(drained_, 1);
}

// Only then is it known what the client's connection is.
TEST_F(SessionDrainTest, WhatIsUnderWayIsWaitedFor) {
  Start();
  test::FakeSocket& watches = NewMover();
  watches.Receive(Encode({"GET", KeyOf(0)}) + Encode({"WATCH", KeyOf(0)}));
  test::FakeSocket& reads = NewMover();
  reads.Receive(Encode({"GET", KeyOf(0)}));
  Settle();
  Drain();
  EXPECT_EQ(watches.written, "");
  EXPECT_EQ(reads.TakeWritten(), kPush) << "a plain request is none that could change it";
  Link(0).Receive("$1\r\na\r\n$1\r\na\r\n");
  Settle();
  EXPECT_EQ(watches.written, "$1\r\na\r\n") << "its WATCH has left, and is not answered";
  EXPECT_FALSE(watches.closed());
}

TEST_F(SessionDrainTest, WhoeverHasSelectedBecauseTheNodesAcceptItIsDisconnected) {
  Start();
  test::FakeSocket& mover = DrainWhileItSelects("+OK\r\n");
  EXPECT_EQ(mover.written, "+OK\r\n");
  EXPECT_TRUE(mover.closed());
}

TEST_F(SessionDrainTest, WhoseSelectIsRefusedIsTold) {
  Start();
  test::FakeSocket& mover = DrainWhileItSelects("-ERR DB index is out of range\r\n");
  EXPECT_EQ(mover.written, "-ERR DB index is out of range\r\n" + std::string(kPush));
  EXPECT_FALSE(mover.closed());
}

TEST_F(SessionDrainTest, WhoeverSelectsAnotherDatabaseAfterItWasToldWritesNothing) {
  Start();
  test::FakeSocket& mover = NewMover();
  mover.Receive(Encode({"SELECT", "0"}));
  Settle();
  EXPECT_EQ(mover.TakeWritten(), "+OK\r\n");
  Drain();
  EXPECT_EQ(mover.TakeWritten(), kPush) << "it is where it was";
  mover.Receive(Encode({"SELECT", "3"}) + Encode({"SET", KeyOf(0), "v"}));
  Settle();
  EXPECT_EQ(mover.written, "-TRYAGAIN the proxy ends and this connection moves: connect anew\r\n");
  EXPECT_TRUE(mover.closed());
  EXPECT_EQ(Link(0).TakeWritten(), "") << "what it would have written there is written nowhere";
  EXPECT_EQ(drained_, 1);
}

TEST_F(SessionDrainTest, WhoeverWatchesAfterItWasToldReadsAnError) {
  Start();
  test::FakeSocket& mover = NewMover();
  Drain();
  EXPECT_EQ(mover.TakeWritten(), kPush);
  mover.Receive(Encode({"MULTI"}) + Encode({"SELECT", "3"}) + Encode({"EXEC"}) + Encode({"WATCH", KeyOf(0)}));
  Settle();
  const std::string error = "-TRYAGAIN the proxy ends and this connection moves: connect anew\r\n";
  EXPECT_EQ(mover.written,
            "+OK\r\n" + error + "-EXECABORT Transaction discarded because of previous errors.\r\n" + error);
  EXPECT_TRUE(mover.closed());
}

TEST_F(SessionDrainTest, AClientThatDoesNotReadHoldsOneMessageAndLeavesAtTheEnd) {
  Start();
  test::FakeSocket& mover = NewMover();
  mover.room = 0;
  Drain();
  EXPECT_FALSE(mover.closed());
  EXPECT_EQ(stats_->listeners[0].cut_off.value(), 0U);
  loop_.Advance(19s);
  Settle();
  EXPECT_EQ(drained_, 0) << "the process cuts it off when its time is over";
  mover.room = 1000;
  mover.observer->OnWritable();
  Settle();
  EXPECT_EQ(mover.written, kPush);
  EXPECT_EQ(drained_, 1);
}

TEST_F(SessionDrainTest, AClientThatSaysGoodbyeIsNotTold) {
  Start();
  test::FakeSocket& mover = NewMover();
  mover.Receive(Encode({"GET", KeyOf(0)}) + Encode({"QUIT"}));
  Settle();
  Drain();
  Link(0).Receive("$1\r\na\r\n");
  Settle();
  EXPECT_EQ(mover.written, "$1\r\na\r\n+OK\r\n");
  EXPECT_EQ(drained_, 1);
}

}  // namespace
}  // namespace ringproxy::proxy
