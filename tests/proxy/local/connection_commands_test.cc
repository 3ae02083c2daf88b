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

TEST_F(ConnectionCommands, ResetTakesTheNameAway) {
  Ask("client setname me");
  Ask("client no-evict on");
  Ask("client setinfo lib-name lib");
  EXPECT_EQ(Ask("reset"), "+RESET\r\n");
  EXPECT_EQ(Ask("client getname"), "$-1\r\n");
  EXPECT_THAT(Ask("client info"), AllOf(HasSubstr(" flags=N "), HasSubstr(" lib-name=lib ")));
}

TEST_F(ConnectionCommands, SelectKnowsDatabaseZeroOnly) {
  EXPECT_EQ(Ask("select 0"), "+OK\r\n");
  EXPECT_THAT(Ask("select 1"), StartsWith("-ERR 'select' is not supported by ringproxy: there is only database 0"));
  EXPECT_EQ(outcome_, LocalOutcome::kRefused);
  EXPECT_EQ(client_.refused.database(), 1);
  EXPECT_EQ(Ask("select -1"), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(Ask("select 3000000000"), "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
  EXPECT_EQ(client_.refused.database(), 1);
  for (const std::string_view bad : {"x", "", "00", " 0", "99999999999999999999"}) {
    EXPECT_EQ(Ask({"select", bad}), "-ERR value is not an integer or out of range\r\n") << bad;
  }
}

TEST_F(ConnectionCommands, HelloAnswersInResp2) {  // See semantics.md 15.
  const std::string reply = Ask("hello 2");
  EXPECT_EQ(reply,
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
            "$4\r\nrole\r\n$6\r\nmaster\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n$7\r\nmodules\r\n*0\r\n");
  EXPECT_EQ(Ask("hello"), reply);
  EXPECT_EQ(Ask("HELLO 2 SETNAME me"), reply);
  EXPECT_EQ(Ask("client getname"), "$2\r\nme\r\n");
}

TEST_F(ConnectionCommands, HelloRefusesWhatItDoesNotSpeak) {  // See semantics.md 15.
  EXPECT_EQ(Ask("hello 3"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kRefused);
  EXPECT_THAT(Ask("hello 1"), StartsWith("-NOPROTO "));
  EXPECT_THAT(Ask("hello 3 auth u p"), StartsWith("-NOPROTO "));
  EXPECT_EQ(Ask("hello x"), "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(Ask("hello 2 auth u p"), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kRefused);
  EXPECT_THAT(Ask("hello 2 auth default p setname x"), StartsWith("*14\r\n"));
  EXPECT_EQ(Ask("client getname"), "$1\r\nx\r\n");
  Ask({"client", "setname", ""});
  EXPECT_EQ(Ask("hello 2 foo"), "-ERR Syntax error in HELLO option 'foo'\r\n");
  EXPECT_EQ(Ask("hello 2 AUTH u"), "-ERR Syntax error in HELLO option 'AUTH'\r\n");
  EXPECT_EQ(Ask("hello 2 setname"), "-ERR Syntax error in HELLO option 'setname'\r\n");
  EXPECT_THAT(Ask({"hello", "2", "setname", "a b"}), StartsWith("-ERR Client names cannot contain"));
  EXPECT_EQ(Ask("client getname"), "$-1\r\n");
}

TEST_F(ConnectionCommands, ResetTakesBackWhatWasRefusedAndKeptQuiet) {
  client_.refused.RefuseDatabase(3);
  client_.reply_mode = ReplyMode::kOff;
  EXPECT_EQ(Ask("reset"), "+RESET\r\n");
  EXPECT_TRUE(client_.refused.is_clear());
  EXPECT_EQ(client_.reply_mode, ReplyMode::kOn);
}

TEST_F(ConnectionCommands, SelectOfDatabaseZeroEndsTheRefusalOfAnother) {
  Ask("select 5");
  EXPECT_EQ(client_.refused.database(), 5);
  Ask("select 0");
  EXPECT_TRUE(client_.refused.is_clear());
  EXPECT_EQ(outcome_, LocalOutcome::kAnswered);
}

// All lines were read off a redis-server 7.0.15 without users and without a cluster.
TEST_F(ConnectionCommands, AnswerInTheWordsOfRedis) {
  const std::pair<std::string_view, std::string_view> kWords[] = {
      {"asking", "-ERR This instance has cluster support disabled\r\n"},
      {"auth x",
       "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
       "configuration is correct?\r\n"},
      {"auth default x", "+OK\r\n"},
      {"auth u x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
      {"auth a b c", "-ERR syntax error\r\n"},
      {"discard", "-ERR DISCARD without MULTI\r\n"},
      {"exec", "-ERR EXEC without MULTI\r\n"},
      {"unwatch", "+OK\r\n"},
  };
  for (const auto& [line, reply] : kWords) EXPECT_EQ(Ask(line), reply) << line;
  // Redis itself refuses these two without a cluster; nothing is lost by an OK, since no replica is ever read.
  EXPECT_EQ(Ask("readonly"), "+OK\r\n");
  EXPECT_EQ(Ask("readwrite"), "+OK\r\n");
}

TEST_F(ConnectionCommands, AuthIsRefusedWhereItLetsNobodyIn) {
  Ask("auth default x");
  EXPECT_EQ(outcome_, LocalOutcome::kAnswered);
  for (const std::string_view line : {"auth x", "auth u x"}) {
    Ask(line);
    EXPECT_EQ(outcome_, LocalOutcome::kRefused) << line;
  }
}

TEST_F(ConnectionCommands, ExecAndDiscardEndATransactionThatWasRefused) {
  const wire::CommandSpec& multi = *wire::FindRedisCommand("multi");
  for (const auto& [line, reply] :
       {std::pair{"exec", "-EXECABORT Transaction discarded because of previous errors.\r\n"},
        {"discard", "+OK\r\n"}}) {
    client_.refused.OnRefused(multi);
    EXPECT_EQ(Ask(line), reply);
    EXPECT_TRUE(client_.refused.is_clear()) << line;
  }
}

TEST_F(ConnectionCommands, UnwatchForgetsARefusedWatch) {
  client_.refused.OnRefused(*wire::FindRedisCommand("watch"));
  EXPECT_FALSE(client_.refused.is_clear());
  Ask("unwatch");
  EXPECT_TRUE(client_.refused.is_clear());
}

}  // namespace
}  // namespace ringproxy::proxy
