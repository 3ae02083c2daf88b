#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

constexpr std::string_view kWrongPass = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

class LoginCommands : public LocalFixture {
 protected:
  // As a client that has just come to a listener with this password.
  void Close(std::string_view password = "secret") {
    gate_.SetPassword(std::string(password));
    client_.refused.NeedLogin();
  }
  bool IsIn() const { return !client_.refused.needs_login(); }
};

TEST_F(LoginCommands, ResetTakesTheNameAway) {
  Ask("client setname me");
  Ask("client no-evict on");
  Ask("client setinfo lib-name lib");
  EXPECT_EQ(Ask("reset"), "+RESET\r\n");
  EXPECT_EQ(Ask("client getname"), "$-1\r\n");
  EXPECT_FALSE(client_.no_evict);
  EXPECT_EQ(client_.labels->lib_name, "lib");
}

TEST_F(LoginCommands, HelloAnswersInTheVersionThatItNames) {  // See semantics.md 15.
  const std::string fields =
      "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n"
      "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
  std::string fields3 = fields;
  fields3.replace(fields3.find(":2"), 2, ":3");
  EXPECT_EQ(Ask("hello"), "*14\r\n" + fields);
  EXPECT_EQ(Ask("hello 3"), "%7\r\n" + fields3);
  EXPECT_EQ(client_.flavour.protocol, 3);
  EXPECT_EQ(Ask("hello"), "%7\r\n" + fields3) << "the present one";
  EXPECT_EQ(Ask("client getname"), "_\r\n");
  EXPECT_EQ(Ask("HELLO 2 SETNAME me"), "*14\r\n" + fields);
  EXPECT_EQ(Ask("client getname"), "$2\r\nme\r\n");
}

TEST_F(LoginCommands, HelloTellsTheLeastReleaseOfTheNodesAndSpeaksNoMoreThanIt) {
  view_.releases.redis = {7, 2, 5};
  EXPECT_THAT(Ask("hello 3"), HasSubstr("version\r\n$5\r\n7.2.5\r\n"));
  view_.releases.redis = {6, 0, 0};
  EXPECT_THAT(Ask("hello 3"), StartsWith("%7\r\n"));
  Ask("reset");
  view_.releases.redis = {5, 0, 14};
  EXPECT_EQ(Ask("hello 3"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_THAT(Ask("hello 2"), HasSubstr("$6\r\n5.0.14\r\n"));
}

TEST_F(LoginCommands, AMistakeInHelloChangesNothing) {  // See semantics.md 15.
  Ask("hello 3 setname before");
  for (const std::string_view version : {"1", "4", "-1"}) {
    EXPECT_EQ(Ask({"hello", version, "auth", "u", "p"}), "-NOPROTO unsupported protocol version\r\n");
  }
  EXPECT_EQ(Ask("hello x"), "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(Ask("hello 2 setname x auth u p"), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kWrongPassword);
  EXPECT_EQ(Ask("hello 2 setname x foo"), "-ERR Syntax error in HELLO option 'foo'\r\n");
  EXPECT_EQ(Ask("hello 2 AUTH u"), "-ERR Syntax error in HELLO option 'AUTH'\r\n");
  EXPECT_EQ(Ask("hello 2 setname"), "-ERR Syntax error in HELLO option 'setname'\r\n");
  EXPECT_THAT(Ask({"hello", "2", "setname", "a b"}), StartsWith("-ERR Client names cannot contain"));
  EXPECT_EQ(client_.flavour.protocol, 3);
  EXPECT_EQ(Ask("client getname"), "$6\r\nbefore\r\n");
  EXPECT_THAT(Ask("hello 2 auth default p setname x"), StartsWith("*14\r\n"));
  EXPECT_EQ(Ask("client getname"), "$1\r\nx\r\n");
}

TEST_F(LoginCommands, ResetTakesBackWhatTheClientHasSet) {
  listener_.proved_databases = 16;
  Ask("hello 3");
  Ask("select 5");
  client_.refused.NoteListens(true);
  client_.reply_mode = ReplyMode::kOff;
  EXPECT_EQ(Ask("reset"), "+RESET\r\n");
  EXPECT_TRUE(client_.refused.is_clear());
  EXPECT_EQ(client_.reply_mode, ReplyMode::kOn);
  EXPECT_TRUE(client_.flavour.is_plain());
}

// All lines were read off a redis-server 7.0.15 without users.
TEST_F(LoginCommands, AuthWithoutAPasswordAnswersInTheWordsOfRedis) {
  EXPECT_EQ(Ask("auth x"),
            "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
            "configuration is correct?\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kRefused);
  EXPECT_EQ(Ask("auth default x"), "+OK\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kAnswered);
  EXPECT_EQ(Ask("auth u x"), kWrongPass);
  EXPECT_EQ(outcome_, LocalOutcome::kWrongPassword);
  EXPECT_EQ(Ask("auth a b c"), "-ERR syntax error\r\n");
}

TEST_F(LoginCommands, AuthLetsInWhoKnowsThePassword) {
  Close();
  EXPECT_EQ(Ask("auth a b c"), "-ERR syntax error\r\n");
  for (const std::string_view line : {"auth x", "auth default x", "auth root secret", "auth secre", "auth secrets"}) {
    EXPECT_EQ(Ask(line), kWrongPass) << line;
    EXPECT_EQ(outcome_, LocalOutcome::kWrongPassword) << line;
  }
  EXPECT_EQ(Ask({std::string_view("auth"), std::string_view("")}), kWrongPass);
  EXPECT_FALSE(IsIn());
  EXPECT_EQ(Ask("auth secret"), "+OK\r\n");
  EXPECT_TRUE(IsIn());
  EXPECT_EQ(Ask("auth wrong"), kWrongPass);
  EXPECT_TRUE(IsIn()) << "as in Redis, a wrong one ends no login";
  EXPECT_EQ(Ask("reset"), "+RESET\r\n");
  EXPECT_FALSE(IsIn());
  EXPECT_EQ(Ask("auth default secret"), "+OK\r\n");
  EXPECT_TRUE(IsIn());
}

// The words, and which of them comes first, were read off a redis-server 7.0.15 with a password.
TEST_F(LoginCommands, HelloTellsWhoHasNotLoggedInWhatToDo) {
  Close();
  for (const std::string_view line : {"hello", "hello 2", "hello 3 setname x"}) {
    EXPECT_EQ(Ask(line),
              "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
              "<pass> option can be used to authenticate the client and select the RESP protocol version at the same "
              "time\r\n")
        << line;
  }
  EXPECT_THAT(Ask("hello 5"), StartsWith("-NOPROTO "));
  EXPECT_THAT(Ask("hello 3 foo auth default secret"), StartsWith("-ERR Syntax error in HELLO option 'foo'"));
  EXPECT_EQ(Ask("hello 3 auth default x setname me"), kWrongPass);
  EXPECT_FALSE(IsIn());
  EXPECT_TRUE(client_.flavour.is_plain());
  EXPECT_EQ(client_.labels, nullptr);
  EXPECT_THAT(Ask("hello 3 auth default secret setname me"), StartsWith("%7\r\n"));
  EXPECT_TRUE(IsIn());
  EXPECT_EQ(Ask("client getname"), "$2\r\nme\r\n");
  EXPECT_THAT(Ask("hello 2"), StartsWith("*14\r\n")) << "it is in";
}

TEST_F(LoginCommands, SaysHowLongAnAddressHasToWaitThatGuesses) {
  Close();
  for (uint32_t i = 0; i < PasswordGate::kFreeTries; ++i) EXPECT_EQ(Ask("auth x" + std::to_string(i)), kWrongPass);
  EXPECT_EQ(Ask("auth secret"), "-WRONGPASS too many wrong passwords from this address: try again in 10 seconds\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kWrongPassword);
  EXPECT_FALSE(IsIn());
}

}  // namespace
}  // namespace ringproxy::proxy
