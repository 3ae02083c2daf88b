// What clients read around a whole worker while a script keeps the only node busy.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kBusyNow =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
constexpr std::string_view kDiscarded =
    "-EXECABORT Transaction discarded because of: BUSY Redis is busy running a script. You can only call SCRIPT KILL "
    "or "
    "SHUTDOWN NOSAVE.\r\n";

class RedisFrontBusyTest : public RedisFrontTest {
 protected:
  static conf::Config OneNode() {
    conf::Config config = TwoNodes();
    config.pools[0].nodes.pop_back();
    return config;
  }
  // A client's script runs at the node, which says to whoever asks that it is busy.
  void BeBusy(test::FakeSocket& client) {
    const size_t before = loop_.sockets();
    Ask(client, {{"EVAL", "while true do end", "0"}});
    EXPECT_THAT(Node(0).TakeWritten(), HasSubstr("while true do end"));
    for (int i = 0; i < 20; ++i) {
      loop_.Advance(10ms);
      Settle();
    }
    ASSERT_EQ(loop_.sockets(), before + 1);
    control_ = &loop_.last_socket();
    control_->observer->OnConnected(0);
    control_->Receive(std::string(kBusyNow));
    Settle();
    control_->TakeWritten();
    control_->Receive(std::string(kBusyNow));
  }
  void End() { Node(0).Receive("-ERR Error running script: Script killed by user with SCRIPT KILL\r\n"); }

  test::FakeSocket* control_ = nullptr;
};

TEST_F(RedisFrontBusyTest, PingReadsWhatTheNodeSaysAsLongAsTheScriptRuns) {
  Start(OneNode());
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  EXPECT_EQ(AskOne(other, {"PING"}), "+PONG\r\n");
  BeBusy(client);
  EXPECT_EQ(AskOne(other, {"PING"}), kBusyNow);
  EXPECT_EQ(AskOne(other, {"ping", "x"}), kBusyNow);
  EXPECT_EQ(AskOne(other, {"GET", "a"}), kBusyNow);
  EXPECT_EQ(AskOne(other, {"ECHO", "x"}), "$1\r\nx\r\n");
  EXPECT_EQ(Node(0).TakeWritten(), "");
  End();
  EXPECT_THAT(Replies(client), testing::ElementsAre(StartsWith("-ERR Error running")));
  EXPECT_EQ(AskOne(other, {"PING"}), "+PONG\r\n");
  Ask(other, {{"GET", "a"}});
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", "a"}));
}

TEST_F(RedisFrontBusyTest, WhatAClientSendsBehindItsOwnScriptWaitsForIt) {
  Start(OneNode());
  test::FakeSocket& client = NewClient();
  BeBusy(client);
  EXPECT_TRUE(Ask(client, {{"PING"}, {"GET", "a"}, {"PING"}}).empty());
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", "a"}));
  End();
  Node(0).Receive("$1\r\nv\r\n");
  EXPECT_THAT(Replies(client),
              testing::ElementsAre(StartsWith("-ERR Error running"), "+PONG\r\n", "$1\r\nv\r\n", "+PONG\r\n"));
}

TEST_F(RedisFrontBusyTest, APipelineReadsItInOrder) {
  Start(OneNode());
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  BeBusy(client);
  EXPECT_THAT(Ask(other, {{"GET", "a"}, {"ECHO", "1"}, {"MGET", "a", "b"}, {"PING"}, {"EVAL", "return 1", "0"}}),
              testing::ElementsAre(kBusyNow, "$1\r\n1\r\n", kBusyNow, kBusyNow, kBusyNow));
  End();
}

TEST_F(RedisFrontBusyTest, ATransactionReadsItWhereAServerSaysIt) {
  Start(OneNode());
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  BeBusy(client);
  EXPECT_THAT(Ask(other, {{"MULTI"}, {"INCR", "a"}, {"INCR"}, {"EXEC"}}),
              testing::ElementsAre("+OK\r\n", kBusyNow, StartsWith("-ERR wrong number"), kDiscarded));
  EXPECT_EQ(AskOne(other, {"EXEC"}), "-ERR EXEC without MULTI\r\n");
  EXPECT_THAT(Ask(other, {{"MULTI"}, {"INCR", "a"}, {"DISCARD"}}),
              testing::ElementsAre("+OK\r\n", kBusyNow, "+OK\r\n"));
  EXPECT_THAT(Ask(other, {{"MULTI"}, {"INCR", "a"}}), testing::ElementsAre("+OK\r\n", kBusyNow));
  End();
  EXPECT_THAT(Ask(other, {{"INCR", "a"}, {"EXEC"}}),
              testing::ElementsAre("+QUEUED\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n"));
  EXPECT_EQ(Node(0).TakeWritten(), "");
}

TEST_F(RedisFrontBusyTest, WhatWasQueuedBeforeIsDiscardedByAnExecThatReadsIt) {
  Start(OneNode());
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  EXPECT_THAT(Ask(other, {{"MULTI"}, {"INCR", "a"}}), testing::ElementsAre("+OK\r\n", "+QUEUED\r\n"));
  BeBusy(client);
  EXPECT_EQ(AskOne(other, {"EXEC"}), kDiscarded);
  EXPECT_EQ(Node(0).TakeWritten(), "");
  EXPECT_EQ(AskOne(other, {"EXEC"}), "-ERR EXEC without MULTI\r\n");
  End();
  EXPECT_EQ(AskOne(other, {"PING"}), "+PONG\r\n");
}

TEST_F(RedisFrontBusyTest, WithSeveralNodesPingIsTheProxysOwn) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& other = NewClient();
  Ask(client, {{"EVAL", "while true do end", "1", KeyOf(0)}});
  for (int i = 0; i < 20; ++i) {
    loop_.Advance(10ms);
    Settle();
  }
  test::FakeSocket& control = loop_.last_socket();
  control.observer->OnConnected(0);
  control.Receive(std::string(kBusyNow));
  Settle();
  control.Receive(std::string(kBusyNow));
  Node(0).TakeWritten();
  EXPECT_EQ(AskOne(other, {"PING"}), "+PONG\r\n");
  // The words of the node that has the key; the other one serves.
  Node(1).TakeWritten();
  EXPECT_EQ(AskOne(other, {"GET", KeyOf(0)}), kBusyNow);
  Ask(other, {{"GET", KeyOf(1)}});
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"GET", KeyOf(1)}));
  Node(1).Receive("$-1\r\n");
  EXPECT_THAT(Replies(other), testing::ElementsAre("$-1\r\n"));
  // Nobody is asked when it is queued, so that is told at its end.
  EXPECT_THAT(Ask(other, {{"MULTI"}, {"INCR", KeyOf(0)}, {"EXEC"}}),
              testing::ElementsAre("+OK\r\n", "+QUEUED\r\n", kDiscarded));
  EXPECT_EQ(Node(0).TakeWritten(), "");
}

}  // namespace
}  // namespace ringproxy::proxy
