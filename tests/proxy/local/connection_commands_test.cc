#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

class ConnectionCommands : public LocalFixture {};

TEST_F(ConnectionCommands, PingAndEchoGiveBackTheirArgument) {
  using namespace std::string_literals;
  EXPECT_EQ(Ask("ping"), "+PONG\r\n");
  EXPECT_EQ(Ask("PING hi"), "$2\r\nhi\r\n");
  EXPECT_EQ(Ask("ping a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(Ask({"echo", std::string_view("a\0\r\nb", 5)}), "$5\r\na\0\r\nb\r\n"s);
  EXPECT_EQ(outcome_, LocalOutcome::kAnswered);
}

TEST_F(ConnectionCommands, QuitIsAnsweredBeforeTheConnectionCloses) {  // See semantics.md 11.
  EXPECT_EQ(Ask("quit"), "+OK\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kCloseAfterReply);
}

TEST_F(ConnectionCommands, SelectTakesWhatIsProvedAndAsksTheNodesForTheRest) {
  EXPECT_EQ(Ask("select 0"), "+OK\r\n");
  EXPECT_EQ(Appended("select 15"), "");
  EXPECT_EQ(outcome_, LocalOutcome::kAskNodes);
  EXPECT_EQ(client_.flavour.database, 0) << "they may refuse it";
  listener_.proved_databases = 4;
  EXPECT_EQ(Ask("select 3"), "+OK\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kAnswered);
  EXPECT_EQ(client_.flavour.database, 3);
  EXPECT_EQ(Appended("select 4"), "");
  for (const std::string_view beyond : {"16", "-1", "65536"}) {
    EXPECT_EQ(Ask({"select", beyond}), "-ERR DB index is out of range\r\n") << beyond;
  }
  EXPECT_EQ(Ask("select 3000000000"), "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
  for (const std::string_view bad : {"x", "", "00", " 0", "99999999999999999999"}) {
    EXPECT_EQ(Ask({"select", bad}), "-ERR value is not an integer or out of range\r\n") << bad;
  }
  EXPECT_EQ(client_.flavour.database, 3);
}

// All lines were read off a redis-server 7.0.15 without users and without a cluster.
TEST_F(ConnectionCommands, AnswerInTheWordsOfRedis) {
  const std::pair<std::string_view, std::string_view> kWords[] = {
      {"asking", "-ERR This instance has cluster support disabled\r\n"},
      {"cluster info", "-ERR This instance has cluster support disabled\r\n"},
      {"discard", "-ERR DISCARD without MULTI\r\n"},
      {"exec", "-ERR EXEC without MULTI\r\n"},
      {"unwatch", "+OK\r\n"},
  };
  for (const auto& [line, reply] : kWords) EXPECT_EQ(Ask(line), reply) << line;
  // Redis itself refuses these two without a cluster; nothing is lost by an OK, since no replica is ever read.
  EXPECT_EQ(Ask("readonly"), "+OK\r\n");
  EXPECT_EQ(Ask("readwrite"), "+OK\r\n");
}

TEST_F(ConnectionCommands, ExecAndDiscardEndATransactionThatWasAborted) {
  for (const auto& [line, reply] :
       {std::pair{"exec", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
        {"discard", "+OK\r\n"}}) {
    Ask("multi");
    client_.transaction->Abort();
    EXPECT_EQ(Ask(line), reply);
    EXPECT_FALSE(client_.transaction) << line;
  }
}

TEST_F(ConnectionCommands, UnwatchAndTheEndsOfATransactionEndAWatch) {
  const auto ends = [this](const char* line) {
    client_.flavour.is_pinned = true;
    Ask(line);
    return !client_.flavour.is_pinned;
  };
  EXPECT_TRUE(ends("unwatch"));
  EXPECT_TRUE(ends("reset"));
  // As Redis has it, both are errors outside a transaction, and nothing follows from them.
  EXPECT_FALSE(ends("exec"));
  EXPECT_FALSE(ends("discard"));
  for (const char* line : {"exec", "discard"}) {
    Ask("multi");
    EXPECT_TRUE(ends(line)) << line;
  }
}

}  // namespace
}  // namespace ringproxy::proxy
