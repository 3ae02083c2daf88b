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
  EXPECT_THAT(Ask("client info"), HasSubstr(" lib-name=redis-py lib-ver=5.0\n"));
}

TEST_F(ClientCommand, ClientInfoIsOneLineOfClientList) {
  Ask("client setname me");
  const std::string line =
      "id=7 addr=127.0.0.1:50412 name=me age=60 idle=5 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 "
      "argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=default redir=-1 "
      "resp=2 lib-name= lib-ver=\n";
  EXPECT_EQ(Ask("client info"), "$" + std::to_string(line.size()) + "\r\n" + line + "\r\n");
  EXPECT_EQ(Ask("client id"), ":7\r\n");
}

TEST_F(ClientCommand, ClientListSelectsByTypeAndId) {
  const ClientState other = NewClient(9, "[::1]:1");
  view_.clients.push_back(&other);
  EXPECT_THAT(Ask("client list"), AllOf(HasSubstr("id=7 "), HasSubstr("\nid=9 "), HasSubstr(" cmd=NULL ")));
  EXPECT_THAT(Ask("client list TYPE Normal"), AllOf(HasSubstr("id=7 "), HasSubstr("id=9 ")));
  for (const std::string_view type : {"master", "replica", "slave", "pubsub"}) {
    EXPECT_EQ(Ask({"client", "list", "type", type}), "$0\r\n\r\n");
  }
  EXPECT_THAT(Ask("client list id 9 3"), AllOf(HasSubstr("id=9 "), Not(HasSubstr("id=7 "))));
  EXPECT_EQ(Ask("client list id 3"), "$0\r\n\r\n");
  EXPECT_EQ(Ask("client list type x"), "-ERR Unknown client type 'x'\r\n");
  EXPECT_EQ(Ask("client list id 1 x"), "-ERR Invalid client ID\r\n");
  EXPECT_EQ(Ask("client list id 0 -1"), "$0\r\n\r\n");  // Nobody's, but no error to Redis either.
  for (const std::string_view bad : {"client list foo", "client list id", "client list type normal x"}) {
    EXPECT_EQ(Ask(bad), "-ERR syntax error\r\n");
  }
}

TEST_F(ClientCommand, TellsInTheVersionOfTheProtocolThatTheClientSpeaks) {
  client_.flavour = {.database = 12, .protocol = 3};
  EXPECT_EQ(Ask("client getname"), "_\r\n");
  for (const std::string_view line : {"client info", "client list"})
    EXPECT_THAT(Ask(line),
                AllOf(StartsWith("="), HasSubstr("\r\ntxt:id=7 "), HasSubstr(" db=12 "), HasSubstr(" resp=3 ")));
}

TEST_F(ClientCommand, ClientNoTouchIsRememberedAndHasNoEffect) {
  EXPECT_EQ(Ask("client no-touch ON"), "+OK\r\n");
  EXPECT_THAT(Ask("client info"), HasSubstr(" flags=T "));
  Ask("client no-evict on");
  EXPECT_THAT(Ask("client info"), HasSubstr(" flags=eT "));
  EXPECT_EQ(Ask("client no-touch x"), "-ERR syntax error\r\n");
  Ask("client no-evict off");
  Ask("client no-touch off");
  EXPECT_THAT(Ask("client info"), HasSubstr(" flags=N "));
}

TEST_F(ClientCommand, ClientNoEvictIsRemembered) {
  EXPECT_EQ(Ask("client no-evict ON"), "+OK\r\n");
  EXPECT_THAT(Ask("client info"), HasSubstr(" flags=e "));
  EXPECT_EQ(Ask("client no-evict off"), "+OK\r\n");
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
