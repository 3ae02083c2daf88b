// What tells of all nodes, within a transaction: when it is asked, and what EXEC reads.
#include "proxy/session/spliced_replies.h"

#include "backends/wire/resp_encode.h"
#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

using testing::ElementsAre;

class SplicedRepliesTest : public RedisFrontTest {
 protected:
  using Commands = std::vector<std::vector<std::string>>;

  static std::string Bulk(std::string_view text) {
    std::string out;
    wire::AppendBulk(text, &out);
    return out;
  }
  static std::string Setting(std::string_view name, std::string_view value) {
    return "*2\r\n" + Bulk(name) + Bulk(value);
  }
  // MULTI, these, EXEC, all of them taken.
  void SendTransaction(test::FakeSocket& client, const Commands& commands) {
    std::string bytes = Encode({"MULTI"});
    std::string queued = "+OK\r\n";
    for (const auto& command : commands) {
      bytes += Encode(command);
      queued += "+QUEUED\r\n";
    }
    client.Receive(bytes);
    Settle();
    EXPECT_EQ(client.TakeWritten(), queued);
    client.Receive(Encode({"EXEC"}));
    Settle();
  }
  std::string Asked(size_t node) {
    Settle();
    return Node(node).TakeWritten();
  }
  void ExpectBothAsked(const std::vector<std::string>& question) {
    EXPECT_EQ(Asked(0), Encode(question));
    EXPECT_EQ(Asked(1), Encode(question));
  }
  void BothTell(std::string_view reply) {
    for (size_t i = 0; i < 2; ++i) Node(i).Receive(std::string(reply));
  }
  void NobodyIsAsked() {
    EXPECT_EQ(Asked(0), "");
    EXPECT_EQ(Asked(1), "");
  }
};

TEST_F(SplicedRepliesTest, NodesAreAskedInTurnOnceTheirsIsExecutedAndTheAnswersStandWhereTheyWereQueued) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  SendTransaction(client, {{"SET", key, "v"},
                           {"INFO", "stats"},
                           {"CONFIG", "GET", "hz"},
                           {"CLIENT", "GETNAME"},
                           {"PUBSUB", "NUMPAT"},
                           {"GET", key}});
  client.Receive(Encode({"PING"}));
  EXPECT_EQ(Asked(0), Encode({"MULTI"}) + Encode({"SET", key, "v"}) + Encode({"GET", key}) + Encode({"EXEC"}));
  EXPECT_EQ(Asked(1), "") << "before anything was executed";
  Node(0).Receive("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\nv\r\n");
  ExpectBothAsked({"INFO"});
  BothTell(Bulk("# Stats\r\nkeyspace_hits:2\r\n"));
  ExpectBothAsked({"CONFIG", "GET", "hz"});
  BothTell(Setting("hz", "10"));
  ExpectBothAsked({"PUBSUB", "NUMPAT"});
  EXPECT_EQ(client.TakeWritten(), "") << "before all is there";
  BothTell(":0\r\n");
  EXPECT_THAT(Replies(client), ElementsAre("*6\r\n+OK\r\n" + Bulk("# Stats\r\nkeyspace_hits:4\r\n") +
                                               Setting("hz", "10") + "$-1\r\n:0\r\n" + Bulk("v"),
                                           "+PONG\r\n"));
}

TEST_F(SplicedRepliesTest, TheShapesAreThoseOfTheClientsProtocol) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_THAT(AskOne(client, {"HELLO", "3"}), StartsWith("%"));
  // No node executes anything of it.
  SendTransaction(client, {{"INFO", "stats"}, {"CONFIG", "GET", "hz"}, {"INFO", "server"}});
  ExpectBothAsked({"INFO"});
  BothTell(Bulk("# Stats\r\nkeyspace_hits:1\r\n"));
  ExpectBothAsked({"CONFIG", "GET", "hz"});
  BothTell(Setting("hz", "10"));
  Settle();
  loop_.Advance(std::chrono::seconds(1));
  ExpectBothAsked({"INFO"});
  BothTell(Bulk("# Server\r\nredis_version:7.0.0\r\n"));
  const std::vector<std::string> replies = Replies(client);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_THAT(replies[0],
              StartsWith("*3\r\n=30\r\ntxt:# Stats\r\nkeyspace_hits:2\r\n\r\n%1\r\n" + Bulk("hz") + Bulk("10") + "="));
}

TEST_F(SplicedRepliesTest, WhereNothingIsExecutedNobodyIsAsked) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  const Commands commands = {{"SET", key, "v"}, {"CONFIG", "GET", "hz"}};
  SendTransaction(client, commands);
  Asked(0);
  Node(0).Receive("+OK\r\n-OOM no\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_THAT(Replies(client), ElementsAre("-EXECABORT Transaction discarded because of: OOM no\r\n"));
  NobodyIsAsked();
  // Of which nobody knows whether it was.
  SendTransaction(client, commands);
  Asked(0);
  Node(0).Receive("+OK\r\n+QUEUED\r\n");
  Node(0).ReceiveEnd();
  EXPECT_THAT(Replies(client), ElementsAre(HasSubstr("it may have run")));
  EXPECT_EQ(Asked(1), "");
  EXPECT_EQ(AskOne(client, {"MULTI"}), "+OK\r\n");
  EXPECT_EQ(Ask(client, {{"CONFIG", "GET", "hz"}, {"DISCARD"}}).back(), "+OK\r\n");
  EXPECT_EQ(Asked(1), "");
}

// A limit that has a say in the reply hands a ticket of its own to the node.
TEST_F(SplicedRepliesTest, WhatFailsIsAnElement) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "few";
  limit.algorithm = conf::LimitAlgorithm::kConcurrency;
  limit.requests_in_flight = 10;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  EXPECT_EQ(AskOne(client, {"PING"}), "+PONG\r\n");
  SendTransaction(
      client,
      {{"SET", key, "v"}, {"SLOWLOG", "GET"}, {"INFO", "@nobody"}, {"SLOWLOG", "GET", "x"}, {"CLIENT", "GETNAME"}});
  Asked(0);
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  ExpectBothAsked({"SLOWLOG", "GET"});
  Node(0).Receive("*0\r\n");
  Node(1).ReceiveEnd();
  loop_.last_socket().observer->OnConnected(ECONNREFUSED);
  // The next question has gone out before that was known.
  EXPECT_EQ(Asked(0), Encode({"SLOWLOG", "GET", "x"}));
  Node(0).Receive("-ERR value is not an integer or out of range\r\n");
  Settle();
  EXPECT_THAT(Replies(client), ElementsAre("*5\r\n+OK\r\n-NODEDOWN node r1 of pool main is down\r\n"
                                           "-ERR no node behind this listener is called 'nobody'\r\n"
                                           "-ERR value is not an integer or out of range\r\n$-1\r\n"));
  EXPECT_TRUE(Executes(client));
}

TEST_F(SplicedRepliesTest, QuestionsWaitForAllThatTheirClientHasSent) {
  Start();
  test::FakeSocket& client = NewClient();
  const std::string key = KeyOf(0);
  const std::string before = KeyOf(1);
  client.Receive(Encode({"INCR", before}) + Encode({"MULTI"}) + Encode({"INCR", key}) + Encode({"PUBSUB", "NUMPAT"}) +
                 Encode({"EXEC"}) + Encode({"GET", before}));
  EXPECT_EQ(Asked(1), Encode({"INCR", before}));
  EXPECT_EQ(Asked(0), "") << "a question behind it would overtake what is under way";
  Node(1).Receive(":1\r\n");
  EXPECT_EQ(Asked(0), Encode({"MULTI"}) + Encode({"INCR", key}) + Encode({"EXEC"}));
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  ExpectBothAsked({"PUBSUB", "NUMPAT"});
  BothTell(":0\r\n");
  EXPECT_EQ(Asked(1), Encode({"GET", before}));
  EXPECT_THAT(Replies(client), ElementsAre(":1\r\n", "+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "*2\r\n:1\r\n:0\r\n"));
}

TEST_F(SplicedRepliesTest, ATransactionOfSeveralNodesAsksAllOnceEachHasExecutedItsPart) {
  conf::Config config = TwoNodes();
  config.pools[0].transactions = conf::TransactionScope::kPerNode;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  SendTransaction(client, {{"INCR", KeyOf(0)}, {"PUBSUB", "NUMPAT"}, {"INCR", KeyOf(1)}});
  Asked(0);
  Asked(1);
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  NobodyIsAsked();
  Node(1).Receive("+OK\r\n+QUEUED\r\n*1\r\n:2\r\n");
  ExpectBothAsked({"PUBSUB", "NUMPAT"});
  BothTell(":0\r\n");
  EXPECT_THAT(Replies(client), ElementsAre("*3\r\n:1\r\n:0\r\n:2\r\n"));
}

TEST_F(SplicedRepliesTest, AClientThatLeavesInTheMiddleIsAskedForNoMore) {
  Start();
  test::FakeSocket& first = NewClient();
  first.Receive(Encode({"SLOWLOG", "GET", "1"}));
  ExpectBothAsked({"SLOWLOG", "GET", "1"});
  test::FakeSocket& leaves = NewClient();
  leaves.Receive(Encode({"MULTI"}) + Encode({"SLOWLOG", "GET", "2"}) + Encode({"PUBSUB", "NUMPAT"}));
  leaves.room = 0;
  leaves.Receive(Encode({"EXEC"}));
  Settle();
  leaves.error = EPIPE;
  leaves.observer->OnWritable();
  Settle();
  ASSERT_TRUE(leaves.closed());
  // In the same place of the worker's table.
  test::FakeSocket& stranger = NewClient();
  BothTell("*0\r\n");
  NobodyIsAsked();
  EXPECT_THAT(Replies(first), ElementsAre("*0\r\n"));
  EXPECT_EQ(AskOne(stranger, {"PING"}), "+PONG\r\n");
}

TEST_F(SplicedRepliesTest, LimitsCountTheQuestionsToo) {
  conf::Config config = TwoNodes();
  conf::Limit& limit = config.limits.emplace_back();
  limit.name = "questions";
  limit.match.command = {"pubsub"};
  limit.rate = {.amount = 2};
  limit.burst = 2;
  Start(std::move(config));
  test::FakeSocket& client = NewClient();
  SendTransaction(client, {{"PUBSUB", "NUMPAT"}, {"CLIENT", "GETNAME"}, {"PUBSUB", "NUMPAT"}, {"PUBSUB", "NUMPAT"}});
  EXPECT_THAT(Replies(client),
              ElementsAre(HasSubstr("-EXECABORT Transaction discarded because of: RATELIMITED retry_after_ms=")));
  NobodyIsAsked();
}

TEST_F(SplicedRepliesTest, SoMuchIsKeptOfTheAnswersAndTheRestIsNotAsked) {
  Start();
  test::FakeSocket& client = NewClient();
  const Commands commands(5, {"INFO", "@r0"});
  const std::string much = Bulk(std::string(600 << 10, 'x'));
  SendTransaction(client, commands);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Asked(0), Encode({"INFO"}));
    Node(0).Receive(much);
  }
  NobodyIsAsked();
  const std::vector<std::string> replies = Replies(client);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_THAT(replies[0], StartsWith("*5\r\n" + much + much + "-"));
  EXPECT_THAT(replies[0], testing::EndsWith("or raise memory_limit\r\n"));
}

TEST_F(SplicedRepliesTest, WhatIsKeptMeanwhileCountsAsTheClients) {
  Start();
  test::FakeSocket& client = NewClient();
  test::FakeSocket& stranger = NewClient();
  const std::string key = KeyOf(0);
  const auto is_held_by_one = [&](bool is_held) {
    const std::string list = AskOne(stranger, {"CLIENT", "LIST"});
    return testing::Value(list, testing::ContainsRegex(" omem=[3-9][0-9]{5} ")) == is_held;
  };
  SendTransaction(client, {{"GET", key}, {"PUBSUB", "NUMPAT"}});
  Asked(0);
  Node(0).Receive("+OK\r\n+QUEUED\r\n*1\r\n" + Bulk(std::string(300 << 10, 'x')));
  ExpectBothAsked({"PUBSUB", "NUMPAT"});
  EXPECT_TRUE(is_held_by_one(true));
  BothTell(":0\r\n");
  EXPECT_EQ(Replies(client).size(), 1U);
  EXPECT_TRUE(is_held_by_one(false));
}

TEST_F(SplicedRepliesTest, AsManyAsThereMayBeThatAreAnsweredAtOnceAreAnsweredOneAfterTheOther) {
  Start();
  test::FakeSocket& client = NewClient();
  SendTransaction(client, Commands(SplicedCommands::kMost, {"INFO", "@nobody"}));
  std::string expected = "*" + std::to_string(SplicedCommands::kMost) + "\r\n";
  for (size_t i = 0; i < SplicedCommands::kMost; ++i)
    expected += "-ERR no node behind this listener is called 'nobody'\r\n";
  EXPECT_THAT(Replies(client), ElementsAre(expected));
}

}  // namespace
}  // namespace ringproxy::proxy
