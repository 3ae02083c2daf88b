#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

class ClientCommand : public LocalFixture {};

TEST_F(ClientCommand, ClientNamesAreKeptAndChecked) {  // See semantics.md 16.
  EXPECT_EQ(Ask("client getname"), "$-1\r\n");
  EXPECT_EQ(client_.labels, nullptr);
  EXPECT_EQ(Ask("client setname me"), "+OK\r\n");
  EXPECT_EQ(Ask("client getname"), "$2\r\nme\r\n");
  for (const std::string_view bad : {"a b", "a\nb", "\x7f", "\xc3\xa9", " "}) {
    EXPECT_EQ(Ask({"client", "setname", bad}),
              "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  }
  EXPECT_EQ(Ask("client getname"), "$2\r\nme\r\n");
  EXPECT_EQ(Ask({"client", "setname", ""}), "+OK\r\n");
  EXPECT_EQ(Ask("client getname"), "$-1\r\n");
}

TEST_F(ClientCommand, ClientSetInfoTakesTheLibraryOnly) {
  EXPECT_EQ(Ask("client setinfo LIB-NAME redis-py"), "+OK\r\n");
  EXPECT_EQ(Ask("client setinfo lib-ver 5.0"), "+OK\r\n");
  EXPECT_EQ(Ask("client setinfo color red"), "-ERR Unrecognized option 'color'\r\n");
  EXPECT_EQ(Ask({"client", "setinfo", "lib-ver", "a b"}),
            "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(client_.labels->lib_name, "redis-py");
  EXPECT_EQ(client_.labels->lib_version, "5.0");
}

TEST_F(ClientCommand, ClientIdIsTheClients) {
  EXPECT_EQ(Ask("client id"), ":7\r\n");
}

TEST_F(ClientCommand, TellsInTheVersionOfTheProtocolThatTheClientSpeaks) {
  client_.flavour = {.database = 12, .protocol = 3};
  EXPECT_EQ(Ask("client getname"), "_\r\n");
}

TEST_F(ClientCommand, ClientNoTouchIsRememberedAndHasNoEffect) {
  EXPECT_EQ(Ask("client no-touch ON"), "+OK\r\n");
  EXPECT_TRUE(client_.no_touch);
  EXPECT_EQ(Ask("client no-touch x"), "-ERR syntax error\r\n");
  EXPECT_TRUE(client_.no_touch);
  Ask("client no-touch off");
  EXPECT_FALSE(client_.no_touch);
}

TEST_F(ClientCommand, ClientNoEvictIsRemembered) {
  EXPECT_EQ(Ask("client no-evict ON"), "+OK\r\n");
  EXPECT_TRUE(client_.no_evict);
  EXPECT_EQ(Ask("client no-evict off"), "+OK\r\n");
  EXPECT_FALSE(client_.no_evict);
  EXPECT_EQ(Ask("client no-evict x"), "-ERR syntax error\r\n");
}

TEST_F(ClientCommand, ReplyRemembersWhichRepliesTheClientWants) {
  EXPECT_EQ(Appended("client reply SKIP"), "");
  EXPECT_EQ(client_.reply_mode, ReplyMode::kSkipNext);
  EXPECT_EQ(Ask("client reply On"), "+OK\r\n");
  EXPECT_EQ(client_.reply_mode, ReplyMode::kOn);
  EXPECT_EQ(Appended("client reply off"), "");
  EXPECT_EQ(client_.reply_mode, ReplyMode::kOff);
  EXPECT_EQ(Appended("client reply skip"), "");
  EXPECT_EQ(client_.reply_mode, ReplyMode::kOff);  // None at all is less than none to the next.
  EXPECT_EQ(Ask("client reply x"), "-ERR syntax error\r\n");
}

TEST_F(ClientCommand, HelpIsALineForALine) {
  const std::string help = Ask("client help");
  EXPECT_THAT(help, HasSubstr("\r\n+SETNAME <name>\r\n"));
  EXPECT_EQ(std::ranges::count(help, '+'), std::stoi(help.substr(1)));
}

}  // namespace
}  // namespace ringproxy::proxy
