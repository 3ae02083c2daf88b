// INFO, CONFIG GET and SLOWLOG GET: what is asked of the nodes, when, and what clients read.
#include "backends/wire/resp_encode.h"
#include "tests/proxy/session/redis_front_fixture.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using testing::Not;

class RedisFrontServersTest : public RedisFrontTest {
 protected:
  static std::string Bulk(std::string_view text) {
    std::string out;
    wire::AppendBulk(text, &out);
    return out;
  }
  // Whether both nodes have been asked `question` since, and nothing else.
  bool BothAsked(const std::vector<std::string>& question) {
    Settle();
    const std::string first = Node(0).TakeWritten();
    EXPECT_EQ(Node(1).TakeWritten(), first);
    if (!first.empty()) {
      EXPECT_EQ(first, Encode(question));
    }
    return !first.empty();
  }
  // Its connection ends, and it takes no other.
  void GoDown(size_t node) {
    Node(node).ReceiveEnd();
    loop_.last_socket().observer->OnConnected(ECONNREFUSED);
    Settle();
  }
  void BothTell(int hits) {
    for (size_t i = 0; i < 2; ++i) {
      Node(i).Receive(Bulk("# Stats\r\nkeyspace_hits:" + std::to_string(hits) + "\r\n"));
    }
  }
};

TEST_F(RedisFrontServersTest, InfoAsksAllNodesAndAddsThemUp) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"INFO", "stats"}));
  ASSERT_TRUE(BothAsked({"INFO"}));
  Node(0).Receive(Bulk("# Stats\r\nkeyspace_hits:3\r\n"));
  EXPECT_EQ(Replies(client).size(), 0U);
  Node(1).Receive(Bulk("# Stats\r\nkeyspace_hits:4\r\n"));
  EXPECT_EQ(Replies(client), std::vector<std::string>{Bulk("# Stats\r\nkeyspace_hits:7\r\n")});
}

TEST_F(RedisFrontServersTest, WhoAsksMeanwhileSharesTheNextQuestion) {
  Start();
  test::FakeSocket& first = NewClient();
  first.Receive(Encode({"INFO"}));
  ASSERT_TRUE(BothAsked({"INFO"}));
  test::FakeSocket& second = NewClient();
  test::FakeSocket& third = NewClient();
  second.Receive(Encode({"INFO"}));
  third.Receive(Encode({"INFO"}));
  EXPECT_FALSE(BothAsked({}));
  BothTell(1);
  EXPECT_THAT(Replies(first)[0], HasSubstr("keyspace_hits:2\r\n"));
  EXPECT_FALSE(BothAsked({})) << "at once";
  EXPECT_EQ(Replies(second).size() + Replies(third).size(), 0U);
  loop_.Advance(InfoDesk::kPause + 2 * InfoDesk::kPauseOfNode);
  ASSERT_TRUE(BothAsked({"INFO"}));
  BothTell(5);
  EXPECT_THAT(Replies(second)[0], HasSubstr("keyspace_hits:10\r\n"));
  EXPECT_THAT(Replies(third)[0], HasSubstr("keyspace_hits:10\r\n"));
}

TEST_F(RedisFrontServersTest, AClientThatHasDoneNothingIsContentWithWhatWasToldJustNow) {
  Start();
  test::FakeSocket& first = NewClient();
  first.Receive(Encode({"INFO"}));
  ASSERT_TRUE(BothAsked({"INFO"}));
  BothTell(1);
  EXPECT_EQ(Replies(first).size(), 1U);
  loop_.Advance(500ms);
  test::FakeSocket& second = NewClient();
  EXPECT_THAT(AskOne(second, {"INFO"}), HasSubstr("keyspace_hits:2\r\n"));
  EXPECT_FALSE(BothAsked({}));
  // It was not told more than by default, and who has written wants to read what is true since.
  second.Receive(Encode({"INFO", "commandstats"}));
  ASSERT_TRUE(BothAsked({"INFO", "everything"}));
  BothTell(2);
  EXPECT_EQ(Replies(second).size(), 1U);
  loop_.Advance(500ms);
  ASSERT_TRUE(Executes(second));
  second.Receive(Encode({"INFO"}));
  ASSERT_TRUE(BothAsked({"INFO"}));
  BothTell(3);
  EXPECT_THAT(Replies(second)[0], HasSubstr("keyspace_hits:6\r\n"));
  loop_.Advance(1001ms);
  test::FakeSocket& late = NewClient();
  late.Receive(Encode({"INFO"}));
  EXPECT_TRUE(BothAsked({"INFO"})) << "it is too old";
  BothTell(4);
  EXPECT_EQ(Replies(late).size(), 1U);
}

TEST_F(RedisFrontServersTest, InfoWaitsForWhatItsClientHasSentAndHoldsBackTheRest) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"SET", KeyOf(0), "v"}) + Encode({"INFO", "stats"}) + Encode({"GET", KeyOf(0)}));
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"SET", KeyOf(0), "v"}));
  Node(0).Receive("+OK\r\n");
  ASSERT_TRUE(BothAsked({"INFO"}));
  BothTell(1);
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"GET", KeyOf(0)}));
  Node(0).Receive("$1\r\nv\r\n");
  EXPECT_EQ(Replies(client),
            (std::vector<std::string>{"+OK\r\n", Bulk("# Stats\r\nkeyspace_hits:2\r\n"), "$1\r\nv\r\n"}));
}

TEST_F(RedisFrontServersTest, InfoNamesTheNodeThatDoesNotAnswerAndAddsUpTheOthers) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"INFO", "stats", "ringproxy"}));
  ASSERT_TRUE(BothAsked({"INFO"}));
  Node(0).Receive("-LOADING Redis is loading the dataset in memory\r\n");
  Node(1).Receive(Bulk("# Stats\r\nkeyspace_hits:4\r\n"));
  EXPECT_THAT(Replies(client)[0], AllOf(HasSubstr("keyspace_hits:4\r\n"),
                                        HasSubstr("\r\nringproxy_nodes:2\r\nringproxy_nodes_silent:r0\r\n")));
  loop_.Advance(50ms);
  GoDown(0);
  GoDown(1);
  const std::string alone = AskOne(client, {"INFO"});
  EXPECT_THAT(alone, AllOf(HasSubstr("loading:0\r\n"), HasSubstr("ringproxy_nodes_silent:r0 r1\r\n"),
                           Not(HasSubstr("keyspace_hits"))));
}

TEST_F(RedisFrontServersTest, InfoOfOneNodeIsItsOwnReply) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"INFO", "@r1", "stats"}));
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), "");
  EXPECT_EQ(Node(1).TakeWritten(), Encode({"INFO", "stats"}));
  Node(1).Receive("$3\r\nraw\r\n");
  EXPECT_EQ(Replies(client), std::vector<std::string>{"$3\r\nraw\r\n"});
  client.Receive(Encode({"INFO", "@main/r0"}));
  Settle();
  EXPECT_EQ(Node(0).TakeWritten(), Encode({"INFO"}));
  Node(0).Receive("$3\r\nraw\r\n");
  EXPECT_EQ(Replies(client).size(), 1U);
  EXPECT_EQ(AskOne(client, {"INFO", "@nobody"}), "-ERR no node behind this listener is called 'nobody'\r\n");
}

TEST_F(RedisFrontServersTest, AClientThatLeavesWhileItWaitsLeavesNothingBehind) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"INFO"}));
  ASSERT_TRUE(BothAsked({"INFO"}));
  client.ReceiveEnd();
  Settle();
  BothTell(1);
  Settle();
  client.ReceiveEnd();  // It is read again now.
  Settle();
  EXPECT_EQ(worker_->session_count(), 0U);
  test::FakeSocket& other = NewClient();
  EXPECT_THAT(AskOne(other, {"INFO"}), HasSubstr("keyspace_hits:2\r\n"));
}

TEST_F(RedisFrontServersTest, WhatTheProxySaysItselfAsksNobody) {
  Start();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(AskOne(client, {"INFO", "replication"}),
            Bulk("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"
                 "master_replid:0000000000000000000000000000000000000000\r\nmaster_repl_offset:0\r\n"));
  EXPECT_FALSE(BothAsked({}));
}

TEST_F(RedisFrontServersTest, ConfigGetIsWhatTheNodesAgreeOn) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"CONFIG", "GET", "maxmemory"}));
  ASSERT_TRUE(BothAsked({"CONFIG", "GET", "maxmemory"}));
  Node(0).Receive("*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
  Node(1).Receive("*2\r\n$9\r\nmaxmemory\r\n$1\r\n5\r\n");
  EXPECT_EQ(Replies(client)[0], "-ERR nodes differ in 'maxmemory': '0' on r0, '5' on r1; ask the nodes themselves\r\n");
  GoDown(1);
  client.Receive(Encode({"CONFIG", "GET", "maxmemory"}));
  Settle();
  Node(0).Receive("*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
  EXPECT_EQ(Replies(client)[0], "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n") << "of the node that is there";
}

TEST_F(RedisFrontServersTest, SlowlogGetNeedsAllNodes) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"SLOWLOG", "GET", "1"}));
  ASSERT_TRUE(BothAsked({"SLOWLOG", "GET", "1"}));
  Node(0).Receive("*1\r\n*2\r\n:0\r\n:5\r\n");
  Node(1).Receive("*1\r\n*2\r\n:9\r\n:6\r\n");
  EXPECT_EQ(Replies(client)[0], "*1\r\n*2\r\n:9\r\n:6\r\n");
  GoDown(1);
  EXPECT_THAT(AskOne(client, {"SLOWLOG", "GET"}), StartsWith("-NODEDOWN node r1 "));
}

// However many ask at once, a node has one such question of a worker.
TEST_F(RedisFrontServersTest, QuestionsAboutNodesTakeTurns) {
  Start();
  std::vector<test::FakeSocket*> clients;
  for (int i = 1; i <= 3; ++i) {
    clients.push_back(&NewClient());
    clients.back()->Receive(Encode({"SLOWLOG", "GET", std::to_string(i)}));
  }
  clients.push_back(&NewClient());
  clients.back()->Receive(Encode({"CONFIG", "GET", "hz"}));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(BothAsked({"SLOWLOG", "GET", std::to_string(i)}));
    Node(0).Receive("*0\r\n");
    EXPECT_FALSE(BothAsked({})) << "one node has not answered";
    Node(1).Receive("*0\r\n");
    EXPECT_EQ(Replies(*clients[i - 1]), std::vector<std::string>{"*0\r\n"});
  }
  ASSERT_TRUE(BothAsked({"CONFIG", "GET", "hz"}));
  for (size_t i = 0; i < 2; ++i) Node(i).Receive("*2\r\n$2\r\nhz\r\n$2\r\n10\r\n");
  EXPECT_EQ(Replies(*clients[3]), std::vector<std::string>{"*2\r\n$2\r\nhz\r\n$2\r\n10\r\n"});
}

TEST_F(RedisFrontServersTest, WhoWaitsForHisTurnIsAnsweredAlsoWhenNodesGoDown) {
  Start();
  std::vector<test::FakeSocket*> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(&NewClient());
    clients.back()->Receive(Encode({"SLOWLOG", "GET"}));
  }
  clients.push_back(&NewClient());
  clients.back()->Receive(Encode({"CONFIG", "GET", "hz"}));
  ASSERT_TRUE(BothAsked({"SLOWLOG", "GET"}));
  Node(0).Receive("*0\r\n");
  GoDown(1);
  // The second question has gone out before that was known.
  Node(0).Receive("*0\r\n");
  Settle();
  for (int i = 0; i < 3; ++i) {
    const std::vector<std::string> replies = Replies(*clients[i]);
    ASSERT_EQ(replies.size(), 1U) << i;
    EXPECT_THAT(replies[0], StartsWith("-NODEDOWN node r1 ")) << i;
  }
  GoDown(0);
  EXPECT_EQ(Replies(*clients[3]).size(), 1U) << "it was asked of r0 alone, which has gone as well";
}

TEST_F(RedisFrontServersTest, WhoHasLeftIsNotAskedFor) {
  Start();
  test::FakeSocket& first = NewClient();
  first.Receive(Encode({"SLOWLOG", "GET", "1"}));
  ASSERT_TRUE(BothAsked({"SLOWLOG", "GET", "1"}));
  test::FakeSocket& leaves = NewClient();
  leaves.room = 0;
  leaves.Receive(Encode({"PING"}) + Encode({"SLOWLOG", "GET", "2"}));
  Settle();
  test::FakeSocket& last = NewClient();
  last.Receive(Encode({"SLOWLOG", "GET", "3"}));
  Settle();
  leaves.error = EPIPE;
  leaves.observer->OnWritable();
  Settle();
  ASSERT_TRUE(leaves.closed());
  for (size_t i = 0; i < 2; ++i) Node(i).Receive("*0\r\n");
  ASSERT_TRUE(BothAsked({"SLOWLOG", "GET", "3"}));
  for (size_t i = 0; i < 2; ++i) Node(i).Receive("*0\r\n");
  EXPECT_EQ(Replies(first).size(), 1U);
  EXPECT_EQ(Replies(last).size(), 1U);
  EXPECT_FALSE(BothAsked({}));
}

TEST_F(RedisFrontServersTest, SoManyQuestionsWaitAndNoMore) {
  Start();
  std::vector<test::FakeSocket*> clients;
  for (size_t i = 0; i < ServersDesk::kMostWaiting + 1; ++i) {
    clients.push_back(&NewClient());
    clients.back()->Receive(Encode({"LATENCY", "LATEST"}));
  }
  Settle();
  test::FakeSocket& late = NewClient();
  EXPECT_THAT(AskOne(late, {"LATENCY", "LATEST"}), StartsWith("-ERR too many clients wait for CONFIG GET"));
  for (test::FakeSocket* client : clients) {
    Settle();
    for (size_t i = 0; i < 2; ++i) Node(i).Receive("*0\r\n");
    EXPECT_EQ(Replies(*client), std::vector<std::string>{"*0\r\n"});
  }
  Node(0).TakeWritten();
  Node(1).TakeWritten();
  late.Receive(Encode({"LATENCY", "LATEST"}));
  EXPECT_TRUE(BothAsked({"LATENCY", "LATEST"}));
  for (size_t i = 0; i < 2; ++i) Node(i).Receive("*0\r\n");
  EXPECT_EQ(Replies(late).size(), 1U);
}

TEST_F(RedisFrontServersTest, LongRequestsThatWaitAreBoundedToo) {
  Start();
  NewClient().Receive(Encode({"CONFIG", "GET", "hz"}));
  NewClient().Receive(Encode({"CONFIG", "GET", std::string(ServersDesk::kMostWaitingBytes - 100, 'a')}));
  test::FakeSocket& late = NewClient();
  EXPECT_THAT(AskOne(late, {"CONFIG", "GET", std::string(100, 'a')}), StartsWith("-ERR too many clients wait"));
}

TEST_F(RedisFrontServersTest, ALongerAnswerThanAnybodyReadsIsAnError) {
  Start();
  test::FakeSocket& client = NewClient();
  client.Receive(Encode({"SLOWLOG", "GET", "-1"}));
  ASSERT_TRUE(BothAsked({"SLOWLOG", "GET", "-1"}));
  Node(0).Receive("*1\r\n*3\r\n:0\r\n:5\r\n" + Bulk(std::string(ServersDesk::kMostOfNode, 'x')));
  Node(1).Receive("*0\r\n");
  EXPECT_EQ(Replies(client),
            std::vector<std::string>{
                "-ERR the reply of node r0 is larger than 1 MiB: ask for less, or ask the node itself\r\n"});
}

TEST_F(RedisFrontServersTest, ChangesHowNodesRunOnlyWhereTheListenerSaysSo) {
  conf::Config config = TwoNodes();
  Start(config);
  test::FakeSocket& client = NewClient();
  const std::vector<std::vector<std::string>> requests = {
      {"CONFIG", "SET", "maxmemory", "0"},
      {"CONFIG", "RESETSTAT"},
      {"CONFIG", "REWRITE"},
      {"SLOWLOG", "RESET"},
      {"MEMORY", "PURGE"},
  };
  for (const auto& request : requests) {
    EXPECT_THAT(AskOne(client, request), HasSubstr("is not supported by ringproxy: it concerns how the nodes run: ask "
                                                   "the node itself, or set admin_commands: true of the listener"));
  }
  EXPECT_THAT(AskOne(client, {"DEBUG", "SLEEP", "0"}), HasSubstr("it concerns one server: ask the node itself"));
  EXPECT_FALSE(BothAsked({}));
  config.listeners[0].admin_commands = true;
  worker_->Adopt(NewSnapshot(config));
  Settle();
  for (const auto& request : requests) {
    client.Receive(Encode(request));
    ASSERT_TRUE(BothAsked(request));
    Node(0).Receive("+OK\r\n");
    EXPECT_EQ(Replies(client).size(), 0U);
    Node(1).Receive("+OK\r\n");
    EXPECT_EQ(Replies(client), std::vector<std::string>{"+OK\r\n"});
  }
  EXPECT_THAT(AskOne(client, {"DEBUG", "SLEEP", "0"}), HasSubstr("it concerns one server"));
}

TEST_F(RedisFrontServersTest, AMonitorThatWantsNoRepliesReadsNoLinesEither) {
  conf::Config config = TwoNodes();
  config.listeners[0].admin_commands = true;
  Start(config);
  test::FakeSocket& monitor = NewClient();
  test::FakeSocket& client = NewClient();
  EXPECT_EQ(AskOne(monitor, {"MONITOR"}), "+OK\r\n");
  const auto lines = [&](const std::string& key) {
    client.Receive(Encode({"GET", key}));
    Settle();
    loop_.Advance(1ms);
    return Replies(monitor);
  };
  EXPECT_EQ(lines("a").size(), 1U);
  monitor.Receive(Encode({"CLIENT", "REPLY", "OFF"}));
  EXPECT_EQ(lines("b").size(), 0U);
  monitor.Receive(Encode({"CLIENT", "REPLY", "ON"}));
  EXPECT_THAT(lines("c").back(), HasSubstr("\"GET\" \"c\""));
}

}  // namespace
}  // namespace ringproxy::proxy
