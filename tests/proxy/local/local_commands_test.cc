#include "proxy/local/local_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/wire/resp_reply.h"
#include "tests/support/test_request.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;
using test::TestRequest;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FakeView final : public ProxyView {
 public:
  net::TimePoint now() const override { return net::TimePoint(1000s); }
  ProxyFacts Facts() const override { return facts; }
  void ForEachClient(const std::function<void(const ClientState&)>& visit) const override {
    for (const ClientState* client : clients) visit(*client);
  }

  ProxyFacts facts;
  std::vector<const ClientState*> clients;
};

class LocalCommands : public testing::Test {
 protected:
  LocalCommands() {
    client_.connected_at = net::TimePoint(940s);
    client_.last_active = net::TimePoint(995s);
    view_.clients = {&client_};
  }

  std::string Ask(const std::vector<std::string_view>& words) {
    const TestRequest request(words);
    const wire::CommandSpec* spec = wire::FindRedisCommand(wire::Request(request));
    EXPECT_NE(spec, nullptr);
    EXPECT_EQ(spec->handling, wire::Handling::kLocal) << spec->name;
    EXPECT_EQ(wire::CheckShape(*spec, request), wire::Shape::kOk) << spec->name;
    client_.last_command = spec;
    std::string out = "before ";
    outcome_ = AnswerLocally(*spec, request, client_, view_, &out);
    EXPECT_TRUE(out.starts_with("before "));
    out.erase(0, 7);
    ExpectOneReply(out);
    return out;
  }
  std::string Ask(std::string_view line) { return Ask(TestRequest::Split(line)); }

  static void ExpectOneReply(std::string_view out) {
    wire::RespReplyFramer framer;
    EXPECT_EQ(framer.Frame(out), wire::ReplyFramer::FrameStatus::kReply) << out;
    EXPECT_EQ(framer.size(), out.size()) << out;
  }

  FakeView view_;
  ClientState client_ = NewClient(7, "127.0.0.1:50412");
  LocalOutcome outcome_ = LocalOutcome::kAnswered;
};

TEST_F(LocalCommands, PingAndEchoGiveBackTheirArgument) {
  using namespace std::string_literals;
  EXPECT_EQ(Ask("ping"), "+PONG\r\n");
  EXPECT_EQ(Ask("PING hi"), "$2\r\nhi\r\n");
  EXPECT_EQ(Ask("ping a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(Ask({"echo", std::string_view("a\0\r\nb", 5)}), "$5\r\na\0\r\nb\r\n"s);
  EXPECT_EQ(outcome_, LocalOutcome::kAnswered);
}

TEST_F(LocalCommands, QuitIsAnsweredBeforeTheConnectionCloses) {  // See semantics.md 11.
  EXPECT_EQ(Ask("quit"), "+OK\r\n");
  EXPECT_EQ(outcome_, LocalOutcome::kCloseAfterReply);
}

TEST_F(LocalCommands, ResetTakesTheNameAway) {
  Ask("client setname me");
  Ask("client no-evict on");
  Ask("client setinfo lib-name lib");
  EXPECT_EQ(Ask("reset"), "+RESET\r\n");
  EXPECT_EQ(Ask("client getname"), "$-1\r\n");
  EXPECT_THAT(Ask("client info"), AllOf(HasSubstr(" flags=N "), HasSubstr(" lib-name=lib ")));
}

TEST_F(LocalCommands, SelectKnowsDatabaseZeroOnly) {
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

// All lines were read off a redis-server 7.0.15 without users and without a cluster.
TEST_F(LocalCommands, AnswersWhatLosesNothingInTheWordsOfRedis) {
  const std::pair<std::string_view, std::string_view> kWords[] = {
      {"acl whoami", "$7\r\ndefault\r\n"},
      {"asking", "-ERR This instance has cluster support disabled\r\n"},
      {"auth x",
       "-ERR AUTH <password> called without any password configured for the default user. Are you sure your "
       "configuration is correct?\r\n"},
      {"auth default x", "+OK\r\n"},
      {"auth u x", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
      {"auth a b c", "-ERR syntax error\r\n"},
      {"discard", "-ERR DISCARD without MULTI\r\n"},
      {"exec", "-ERR EXEC without MULTI\r\n"},
      {"latency latest", "*0\r\n"},
      {"module list", "*0\r\n"},
      {"slowlog get", "*0\r\n"},
      {"slowlog get 5", "*0\r\n"},
      {"slowlog get x", "-ERR count should be greater than or equal to -1\r\n"},
      {"slowlog get -2", "-ERR count should be greater than or equal to -1\r\n"},
      {"slowlog GET 1 2", "-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n"},
      {"slowlog len", ":0\r\n"},
      {"unwatch", "+OK\r\n"},
  };
  for (const auto& [line, reply] : kWords) EXPECT_EQ(Ask(line), reply) << line;
  // Redis itself refuses these two without a cluster; nothing is lost by an OK, since no replica is ever read.
  EXPECT_EQ(Ask("readonly"), "+OK\r\n");
  EXPECT_EQ(Ask("readwrite"), "+OK\r\n");
  EXPECT_THAT(Ask("memory doctor"), HasSubstr("ringproxy keeps no data"));
}

TEST_F(LocalCommands, HelloAnswersInResp2) {  // See semantics.md 15.
  const std::string reply = Ask("hello 2");
  EXPECT_EQ(reply,
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.0\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
            "$4\r\nrole\r\n$6\r\nmaster\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n$7\r\nmodules\r\n*0\r\n");
  EXPECT_EQ(Ask("hello"), reply);
  EXPECT_EQ(Ask("HELLO 2 SETNAME me"), reply);
  EXPECT_EQ(Ask("client getname"), "$2\r\nme\r\n");
}

TEST_F(LocalCommands, HelloRefusesWhatItDoesNotSpeak) {  // See semantics.md 15.
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

TEST_F(LocalCommands, ClientNamesAreKeptAndChecked) {  // See semantics.md 16.
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

TEST_F(LocalCommands, AClientWithoutNamesStaysSmall) {
  Ask({"client", "setname", ""});
  Ask("client info");
  EXPECT_EQ(client_.labels, nullptr);
  EXPECT_LE(sizeof(ClientState), 96U);
}

TEST_F(LocalCommands, ClientSetInfoTakesTheLibraryOnly) {
  EXPECT_EQ(Ask("client setinfo LIB-NAME redis-py"), "+OK\r\n");
  EXPECT_EQ(Ask("client setinfo lib-ver 5.0"), "+OK\r\n");
  EXPECT_EQ(Ask("client setinfo color red"), "-ERR Unrecognized option 'color'\r\n");
  EXPECT_EQ(Ask({"client", "setinfo", "lib-ver", "a b"}),
            "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_THAT(Ask("client info"), HasSubstr(" lib-name=redis-py lib-ver=5.0\n"));
}

TEST_F(LocalCommands, ClientInfoIsOneLineOfClientList) {
  Ask("client setname me");
  const std::string line =
      "id=7 addr=127.0.0.1:50412 name=me age=60 idle=5 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 "
      "argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=default redir=-1 "
      "resp=2 lib-name= lib-ver=\n";
  EXPECT_EQ(Ask("client info"), "$" + std::to_string(line.size()) + "\r\n" + line + "\r\n");
  EXPECT_EQ(Ask("client id"), ":7\r\n");
}

TEST_F(LocalCommands, ClientListSelectsByTypeAndId) {
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

TEST_F(LocalCommands, ClientNoEvictIsRemembered) {
  EXPECT_EQ(Ask("client no-evict ON"), "+OK\r\n");
  EXPECT_THAT(Ask("client info"), HasSubstr(" flags=e "));
  EXPECT_EQ(Ask("client no-evict off"), "+OK\r\n");
  EXPECT_EQ(Ask("client no-evict x"), "-ERR syntax error\r\n");
}

TEST_F(LocalCommands, CommandInfoHasTheShapeOfRedis7) {
  EXPECT_EQ(Ask("command info GET"),
            "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
            "*3\r\n+@string\r\n+@read\r\n+@fast\r\n*0\r\n"
            "*1\r\n*6\r\n$5\r\nflags\r\n*2\r\n+RO\r\n+access\r\n"
            "$12\r\nbegin_search\r\n*4\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n*2\r\n$5\r\nindex\r\n:1\r\n"
            "$9\r\nfind_keys\r\n*4\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n*6\r\n$7\r\nlastkey\r\n:0\r\n"
            "$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n*0\r\n");
  EXPECT_THAT(Ask("command info zunionstore"), HasSubstr("$6\r\nkeynum\r\n"));
  EXPECT_THAT(Ask("command info sort"), HasSubstr("+incomplete\r\n"));
  EXPECT_THAT(Ask("command info xread"), HasSubstr("$7\r\nunknown\r\n"));
  EXPECT_THAT(Ask("command info config|get"), StartsWith("*1\r\n*10\r\n$10\r\nconfig|get\r\n:-3\r\n"));
}

TEST_F(LocalCommands, CommandTellsOnlyWhatCanBeCalled) {
  EXPECT_EQ(Ask("command info multi nosuch get|x"), "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
  EXPECT_THAT(Ask("command info config"), AllOf(HasSubstr("config|get"), Not(HasSubstr("config|set"))));
  const std::string all = Ask("command");
  EXPECT_THAT(all, AllOf(HasSubstr("$4\r\nmget\r\n"), HasSubstr("$4\r\nping\r\n"), Not(HasSubstr("$5\r\nmulti\r\n"))));
  EXPECT_EQ(Ask("command info"), all);
  const std::string count = Ask("command count");
  EXPECT_THAT(all, StartsWith("*" + count.substr(1)));
  EXPECT_THAT(Ask("command list"), StartsWith("*" + count.substr(1)));
}

TEST_F(LocalCommands, CommandListFilters) {
  EXPECT_EQ(Ask("command list filterby pattern XL*"), "*1\r\n$4\r\nxlen\r\n");
  EXPECT_EQ(Ask("command list filterby pattern client|*name"),
            "*2\r\n$14\r\nclient|getname\r\n$14\r\nclient|setname\r\n");
  EXPECT_EQ(Ask("command list filterby module json"), "*0\r\n");
  EXPECT_EQ(Ask("command list filterby aclcat transaction"), "*3\r\n$7\r\ndiscard\r\n$4\r\nexec\r\n$7\r\nunwatch\r\n");
  EXPECT_EQ(Ask("command list filterby aclcat pubsub"), "*0\r\n");
  EXPECT_THAT(Ask("command list filterby aclcat Hyperloglog"), HasSubstr("pfadd"));
  EXPECT_THAT(Ask("command list filterby aclcat read"), AllOf(HasSubstr("mget"), Not(HasSubstr("eval_ro"))));
  EXPECT_EQ(Ask("command list filterby x y"), "-ERR syntax error\r\n");
  EXPECT_EQ(Ask("command list x"), "-ERR syntax error\r\n");
}

TEST_F(LocalCommands, HelpIsALineForALine) {
  EXPECT_THAT(Ask("client help"), HasSubstr("\r\n+SETNAME <name>\r\n"));
  EXPECT_THAT(Ask("command help"), HasSubstr("\r\n+COUNT\r\n"));
}

TEST_F(LocalCommands, ConfigGetTellsThatThereIsOneDatabase) {
  EXPECT_EQ(Ask("config get databases"), "*2\r\n$9\r\ndatabases\r\n$1\r\n1\r\n");
  EXPECT_EQ(Ask("config get data* d*"), "*2\r\n$9\r\ndatabases\r\n$1\r\n1\r\n");
  EXPECT_EQ(Ask("config get SAVE"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_THAT(Ask("config get *"), StartsWith("*6\r\n"));
  EXPECT_EQ(Ask("config get maxmemory"), "*0\r\n");
}

TEST_F(LocalCommands, RoleIsThatOfAMasterWithoutReplicas) {
  EXPECT_EQ(Ask("role"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
}

TEST_F(LocalCommands, InfoHasTheSectionsThatAreAskedFor) {
  EXPECT_EQ(Ask("info cluster"), "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n");
  EXPECT_EQ(Ask("info KEYSPACE cluster"), "$44\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n\r\n");
  EXPECT_EQ(Ask("info nosuch"), "$0\r\n\r\n");
  const std::string all = Ask("info");
  EXPECT_EQ(Ask("info all"), all);
  EXPECT_EQ(Ask("info nosuch Everything"), all);
  EXPECT_THAT(all, AllOf(HasSubstr("# Server\r\nredis_version:7.0.0\r\n"), HasSubstr("\r\nloading:0\r\n"),
                         HasSubstr("\r\nrole:master\r\n"), HasSubstr("\r\n# Ringproxy\r\n")));
}

TEST_F(LocalCommands, InfoTellsTheFactsOfTheProcess) {
  view_.facts.clients = 3;
  view_.facts.resident_bytes = (3ULL << 20) / 2;
  view_.facts.cpu_user = 1'002'003us;
  view_.facts.uptime = 90000s;
  view_.facts.pools = {{"sessions", "vnode", {{"r1", "127.0.0.1:7001", true, 5, 1}, {"r2", "h:1", false, 0, 0}}}};
  EXPECT_THAT(Ask("info clients"), HasSubstr("connected_clients:3\r\n"));
  EXPECT_THAT(Ask("info memory"),
              AllOf(HasSubstr("used_memory:1572864\r\n"), HasSubstr("used_memory_human:1.50M\r\n")));
  EXPECT_THAT(Ask("info cpu"), HasSubstr("used_cpu_user:1.002003\r\n"));
  EXPECT_THAT(Ask("info server"), AllOf(HasSubstr("uptime_in_seconds:90000\r\n"), HasSubstr("uptime_in_days:1\r\n")));
  EXPECT_THAT(Ask("info ringproxy"),
              EndsWith("# Ringproxy\r\npool0:name=sessions,algorithm=vnode,nodes=2,nodes_up=1\r\n"
                       "node0:pool=sessions,name=r1,address=127.0.0.1:7001,up=1,requests=5,in_flight=1\r\n"
                       "node1:pool=sessions,name=r2,address=h:1,up=0,requests=0,in_flight=0\r\n\r\n"));
}

}  // namespace
}  // namespace ringproxy::proxy
