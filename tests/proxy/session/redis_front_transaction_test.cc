// Transactions of Redis clients around a whole worker: what they read, and what reaches a node.
#include <gmock/gmock.h>

#include "proxy/session/redis_front.h"
#include "tests/proxy/control/worker_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kExecAbort = "-EXECABORT Transaction discarded because of previous errors.\r\n";

class RedisFrontTransactionTest : public WorkerFixture {
 protected:
  std::string Ask(test::FakeSocket& client, const std::vector<std::vector<std::string>>& requests) {
    std::string bytes;
    for (const auto& request : requests) bytes += Encode(request);
    client.Receive(bytes);
    Settle();
    return client.TakeWritten();
  }
  std::string Written(size_t node) {
    Settle();
    return Node(node).TakeWritten();
  }
};

TEST_F(RedisFrontTransactionTest, NothingLeavesBeforeExecAndThenAllAtOnce) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"PING"}}), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_THAT(Written(0), IsEmpty());
  EXPECT_EQ(Ask(client, {{"EXEC"}, {"GET", key}}), "");
  EXPECT_EQ(Written(0),
            Encode({"MULTI"}) + Encode({"SET", key, "v"}) + Encode({"PING"}) + Encode({"EXEC"}) + Encode({"GET", key}));
  Node(0).Receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+PONG\r\n$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(client.TakeWritten(), "*2\r\n+OK\r\n+PONG\r\n$1\r\nv\r\n");
}

TEST_F(RedisFrontTransactionTest, AnEmptyOneNeedsNoNode) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"EXEC"}, {"EXEC"}}), "+OK\r\n*0\r\n-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"DISCARD"}, {"DISCARD"}}), "+OK\r\n+OK\r\n-ERR DISCARD without MULTI\r\n");
}

TEST_F(RedisFrontTransactionTest, EveryQueueErrorAbortsItAndLaterCommandsAreStillQueued) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  const std::vector<std::pair<std::vector<std::string>, std::string>> kErrors = {
      {{"GET"}, "-ERR wrong number of arguments for 'get' command\r\n"},
      {{"NOSUCH"}, "-ERR unknown command 'NOSUCH', with args beginning with: \r\n"},
      {{"CONFIG", "NOSUCH"}, "-ERR unknown subcommand 'NOSUCH'. Try CONFIG HELP.\r\n"},
      {{"HELLO", "3"}, "-ERR Command not allowed inside a transaction\r\n"},
      {{"SAVE"}, "-ERR Command not allowed inside a transaction\r\n"},
      {{"MONITOR"}, "-ERR Command not allowed inside a transaction\r\n"},
      {{"CLIENT", "REPLY", "ON"}, "-ERR Command not allowed inside a transaction\r\n"},
      {{"DISCARD", "x"}, "-ERR wrong number of arguments for 'discard' command\r\n"},
  };
  for (const auto& [request, error] : kErrors) {
    EXPECT_EQ(Ask(client, {{"MULTI"}, request, {"SET", key, "v"}, {"EXEC"}}),
              "+OK\r\n" + error + "+QUEUED\r\n" + std::string(kExecAbort));
  }
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"SUBSCRIBE", "c"}, {"EXEC"}}), HasSubstr(kExecAbort));
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"GET", key}, {"GET", KeyOf(1)}, {"EXEC"}}),
              StartsWith("+OK\r\n+QUEUED\r\n-CROSSSLOT "));
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"DBSIZE"}, {"EXEC"}}), HasSubstr("it would concern several nodes"));
  EXPECT_THAT(Ask(client, {{"MULTI"}, {"SCAN", "0"}, {"EXEC"}}), HasSubstr("its cursor would be the node's own"));
  EXPECT_THAT(Written(0), IsEmpty());
  EXPECT_THAT(Written(1), IsEmpty());
}

TEST_F(RedisFrontTransactionTest, AnExecWithArgumentsEndsIt) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(
      Ask(client, {{"MULTI"}, {"SET", KeyOf(0), "v"}, {"EXEC", "a"}, {"EXEC"}}),
      "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n"
      "-ERR EXEC without MULTI\r\n");
  EXPECT_THAT(Written(0), IsEmpty());
}

TEST_F(RedisFrontTransactionTest, NestedMultiAndWatchAreRefusedAndItGoesOn) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(
      Ask(client, {{"MULTI"}, {"MULTI"}, {"WATCH", key}, {"UNWATCH"}, {"SET", key, "v"}, {"EXEC"}}),
      "+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_EQ(Written(0), Encode({"MULTI"}) + Encode({"UNWATCH"}) + Encode({"SET", key, "v"}) + Encode({"EXEC"}));
}

TEST_F(RedisFrontTransactionTest, ResetQuitAndTheClientsEndLeaveNothing) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"RESET"}, {"EXEC"}}),
            "+OK\r\n+QUEUED\r\n+RESET\r\n-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"QUIT"}}), "+OK\r\n+QUEUED\r\n+OK\r\n");
  EXPECT_TRUE(client.closed());
  test::FakeSocket& other = NewClient();
  Ask(other, {{"MULTI"}, {"SET", key, "v"}});
  other.ReceiveEnd();
  Settle();
  EXPECT_TRUE(other.closed());
  EXPECT_THAT(Written(0), IsEmpty());
}

TEST_F(RedisFrontTransactionTest, AClientThatLeavesAfterExecHasSentItAndItsRepliesAreNobodys) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& stranger = NewClient();
  const std::string key = KeyOf(0);
  Ask(client, {{"MULTI"}, {"SET", key, "v"}, {"EXEC"}});
  client.error = ECONNRESET;
  client.observer->OnReadable();
  Settle();
  Ask(stranger, {{"GET", key}});
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\nv\r\n");
  Settle();
  EXPECT_EQ(stranger.TakeWritten(), "$1\r\nv\r\n");
}

TEST_F(RedisFrontTransactionTest, WhatTheProxyAnswersIsDoneOnceTheNodeHasExecutedTheRest) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(Ask(client, {{"MULTI"},
                         {"CLIENT", "SETNAME", "me"},
                         {"SET", key, "v"},
                         {"CLIENT", "GETNAME"},
                         {"EXEC"},
                         {"CLIENT", "GETNAME"}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_EQ(Written(0), Encode({"MULTI"}) + Encode({"SET", key, "v"}) + Encode({"EXEC"}));
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  Settle();
  EXPECT_EQ(client.TakeWritten(), "*3\r\n+OK\r\n+OK\r\n$2\r\nme\r\n$2\r\nme\r\n");
  // Where nothing was executed nothing is done here either.
  Ask(client, {{"MULTI"}, {"CLIENT", "SETNAME", "you"}, {"SET", key, "v"}, {"EXEC"}});
  Node(0).Receive("+OK\r\n-OOM no\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_THAT(Ask(client, {{"CLIENT", "GETNAME"}}), HasSubstr("$2\r\nme\r\n"));
  // Without any command for a node none is asked.
  Written(0);
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"CLIENT", "GETNAME"}, {"SELECT", "99"}, {"EXEC"}, {"PING"}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$2\r\nme\r\n-ERR DB index is out of range\r\n+PONG\r\n");
  EXPECT_THAT(Written(0), IsEmpty());
}

TEST_F(RedisFrontTransactionTest, TheProxysOwnRepliesWithinOneHaveABound) {
  Start();
  test::FakeSocket& client = NewClient();
  std::string bytes = Encode({"MULTI"});
  for (int i = 0; i < 900; ++i) bytes += Encode({"COMMAND"});
  client.Receive(bytes + Encode({"EXEC"}));
  for (int i = 0; i < 50; ++i) Settle();
  const std::string written = client.TakeWritten();
  EXPECT_LE(written.size(), 4U << 20);
  EXPECT_THAT(written, testing::EndsWith("or raise memory_limit\r\n"));
  EXPECT_EQ(Ask(client, {{"PING"}}), "+PONG\r\n");
}

TEST_F(RedisFrontTransactionTest, TheClientFollowsASelectWithinOne) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(Ask(client, {{"MULTI"}, {"GET", key}, {"SELECT", "3"}, {"GET", key}, {"EXEC"}, {"CLIENT", "INFO"}}),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n");
  EXPECT_EQ(Written(0), Encode({"MULTI"}) + Encode({"GET", key}) + Encode({"SELECT", "3"}) + Encode({"GET", key}) +
                            Encode({"SELECT", "0"}) + Encode({"EXEC"}));
  Node(0).Receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n$1\r\na\r\n+OK\r\n$-1\r\n+OK\r\n");
  Settle();
  const std::string written = client.TakeWritten();
  EXPECT_THAT(written, StartsWith("*3\r\n$1\r\na\r\n+OK\r\n$-1\r\n$"));
  EXPECT_THAT(written, HasSubstr(" db=3 "));
}

TEST_F(RedisFrontTransactionTest, ALargeOneTakesALinkOfItsOwnWhenWhatCameBeforeIsAnswered) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  std::string bytes = Encode({"INCR", key}) + Encode({"MULTI"});
  for (uint32_t i = 0; i <= Transaction::kSharedCommands; ++i) bytes += Encode({"INCR", key});
  client.Receive(bytes + Encode({"EXEC"}) + Encode({"GET", key}));
  const size_t links = loop_.sockets();
  for (int i = 0; i < 20; ++i) Settle();
  EXPECT_EQ(Written(0), Encode({"INCR", key}));
  EXPECT_EQ(loop_.sockets(), links);
  Node(0).Receive(":1\r\n");
  Settle();
  // Nothing of it on the link that all share, and what follows waits for it.
  ASSERT_EQ(loop_.sockets(), links + 1);
  EXPECT_THAT(Written(0), IsEmpty());
}

TEST_F(RedisFrontTransactionTest, LimitsCountItsCommandsInOneStep) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "writes";
  limit.match.command = {"write"};
  limit.rate = {.amount = 3};
  limit.burst = 3;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  Ask(client, {{"MULTI"}, {"SET", key, "1"}, {"SET", key, "2"}, {"EXEC"}});
  EXPECT_THAT(Written(0), HasSubstr("EXEC"));
  Node(0).Receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n");
  // One is left, and a refused transaction takes none.
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Ask(client, {{"MULTI"}, {"SET", key, "3"}, {"SET", key, "4"}, {"EXEC"}}),
                HasSubstr("-EXECABORT Transaction discarded because of: RATELIMITED retry_after_ms="));
  }
  Ask(client, {{"MULTI"}, {"SET", key, "5"}, {"GET", key}, {"EXEC"}});
  EXPECT_THAT(Written(0), HasSubstr("EXEC"));
}

}  // namespace
}  // namespace ringproxy::proxy
