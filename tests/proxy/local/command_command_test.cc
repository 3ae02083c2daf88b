#include "tests/proxy/local/local_fixture.h"

namespace ringproxy::proxy {
namespace {

class CommandCommand : public LocalFixture {};

TEST_F(CommandCommand, CommandInfoHasTheShapeOfRedis7) {
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

// Read off a redis-server 7.0.15, but for the order of the categories.
TEST_F(CommandCommand, HasMapsAndSetsInResp3) {
  client_.flavour.protocol = 3;
  EXPECT_EQ(Ask("command info get nosuch"),
            "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
            "~3\r\n+@string\r\n+@read\r\n+@fast\r\n~0\r\n"
            "~1\r\n%3\r\n$5\r\nflags\r\n~2\r\n+RO\r\n+access\r\n"
            "$12\r\nbegin_search\r\n%2\r\n$4\r\ntype\r\n$5\r\nindex\r\n$4\r\nspec\r\n%1\r\n$5\r\nindex\r\n:1\r\n"
            "$9\r\nfind_keys\r\n%2\r\n$4\r\ntype\r\n$5\r\nrange\r\n$4\r\nspec\r\n%3\r\n$7\r\nlastkey\r\n:0\r\n"
            "$7\r\nkeystep\r\n:1\r\n$5\r\nlimit\r\n:0\r\n~0\r\n_\r\n");
  const std::string all = Ask("command");
  EXPECT_THAT(all, AllOf(HasSubstr("~"), HasSubstr("%3\r\n")));
  client_.flavour.protocol = 2;
  EXPECT_THAT(Ask("command"), AllOf(Not(HasSubstr("~")), Not(HasSubstr("%"))));
}

TEST_F(CommandCommand, CommandTellsOnlyWhatCanBeCalled) {
  EXPECT_EQ(Ask("command info monitor nosuch get|x"), "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
  EXPECT_THAT(Ask("command info config"), AllOf(HasSubstr("config|get"), Not(HasSubstr("config|set"))));
  const std::string all = Ask("command");
  EXPECT_THAT(all,
              AllOf(HasSubstr("$4\r\nmget\r\n"), HasSubstr("$4\r\nping\r\n"), Not(HasSubstr("$7\r\nmonitor\r\n"))));
  EXPECT_EQ(Ask("command info"), all);
  const std::string count = Ask("command count");
  EXPECT_THAT(all, StartsWith("*" + count.substr(1)));
}

TEST_F(CommandCommand, TellsOfNewerCommandsWhereAllNodesHaveThem) {
  const std::string nil = "*1\r\n$-1\r\n";
  const std::string of_seven = Ask("command count");
  EXPECT_EQ(Ask("command info hexpire"), nil);  // What nobody has told is taken for a Redis 7.0.
  view_.releases.redis = {7, 4, 2};
  EXPECT_THAT(Ask("command info hexpire"), StartsWith("*1\r\n*10\r\n$7\r\nhexpire\r\n"));
  EXPECT_THAT(Ask("command list"), HasSubstr("\r\nhexpire\r\n"));
  EXPECT_EQ(Ask("command list filterby pattern hexp*re"), "*1\r\n$7\r\nhexpire\r\n");
  EXPECT_EQ(Ask("command info hgetex"), nil);
  EXPECT_EQ(Ask("command info json.get"), nil);
  // A fleet of both families has what both have.
  view_.releases.valkey = {8, 1, 0, true};
  EXPECT_EQ(Ask("command info hexpire"), nil);
  view_.releases.valkey = {9, 0, 0, true};
  EXPECT_NE(Ask("command info hexpire"), nil);
  EXPECT_EQ(Ask("command info delifeq"), nil);
  view_.releases.redis = {};
  EXPECT_NE(Ask("command info delifeq"), nil);
  view_.releases = {.redis = {8, 10, 0}};
  EXPECT_NE(Ask("command info json.get increx msetex"), "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
  EXPECT_THAT(Ask("command"), HasSubstr("\r\nmsetex\r\n"));
  EXPECT_NE(Ask("command count"), of_seven);
  view_.releases.has_unknown = true;
  EXPECT_EQ(Ask("command count"), of_seven);
  view_.releases = {.redis = {6, 2, 0}};
  EXPECT_EQ(Ask("command count"), of_seven);
}

TEST_F(CommandCommand, TellsOfSearchWhereThereIsOneNode) {
  view_.releases = {.redis = {8, 0, 0}};
  EXPECT_EQ(Ask("command info ft.search"), "*1\r\n$-1\r\n");
  view_.releases.has_one_node = true;
  EXPECT_NE(Ask("command info ft.search"), "*1\r\n$-1\r\n");
  EXPECT_THAT(Ask("command info ft.cursor"), HasSubstr("ft.cursor|read"));
}

TEST_F(CommandCommand, KeepsWhatItTellsOfAFewKindsOfFleets) {
  for (uint16_t round = 0; round < 3; ++round) {
    for (uint16_t minor = 0; minor < 6; ++minor) {
      view_.releases.redis = {7, minor, 0};
      EXPECT_EQ(Ask("command info hexpire") == "*1\r\n$-1\r\n", minor < 4);
      EXPECT_EQ(Ask("command").find("hexpire") == std::string::npos, minor < 4);
    }
  }
}

TEST_F(CommandCommand, CommandListNamesFamiliesAndTheirSubcommands) {
  const std::string names = Ask("command list");
  EXPECT_THAT(names, AllOf(HasSubstr("\r\nclient\r\n"), HasSubstr("\r\nclient|list\r\n"), HasSubstr("\r\nget\r\n")));
  EXPECT_THAT(names, AllOf(HasSubstr("\r\nconfig|get\r\n"), Not(HasSubstr("config|set"))));
  EXPECT_EQ(names, Ask("command list filterby pattern *"));
}

TEST_F(CommandCommand, CommandListFilters) {
  EXPECT_EQ(Ask("command list filterby pattern XL*"), "*1\r\n$4\r\nxlen\r\n");
  EXPECT_EQ(Ask("command list filterby pattern client|*name"),
            "*2\r\n$14\r\nclient|getname\r\n$14\r\nclient|setname\r\n");
  EXPECT_EQ(Ask("command list filterby module json"), "*0\r\n");
  EXPECT_EQ(Ask("command list filterby aclcat transaction"),
            "*5\r\n$7\r\ndiscard\r\n$4\r\nexec\r\n$5\r\nmulti\r\n$7\r\nunwatch\r\n$5\r\nwatch\r\n");
  EXPECT_THAT(Ask("command list filterby aclcat pubsub"), AllOf(StartsWith("*13\r\n"), HasSubstr("pubsub|numsub")));
  EXPECT_THAT(Ask("command list filterby aclcat Hyperloglog"), HasSubstr("pfadd"));
  EXPECT_THAT(Ask("command list filterby aclcat read"), AllOf(HasSubstr("mget"), Not(HasSubstr("eval_ro"))));
  EXPECT_EQ(Ask("command list filterby x y"), "-ERR syntax error\r\n");
  EXPECT_EQ(Ask("command list x"), "-ERR syntax error\r\n");
}

TEST_F(CommandCommand, InfoTellsWhereTheKeysOfEachShapeStand) {
  const auto triple = [](int first, int last, int step) {
    std::string out;
    for (const int value : {first, last, step}) out += ":" + std::to_string(value) + "\r\n";
    return out;
  };
  const std::pair<std::string_view, std::string> kTriples[] = {
      {"del", triple(1, -1, 1)},        {"mset", triple(1, -1, 2)},  {"eval", triple(0, 0, 0)},
      {"zunionstore", triple(1, 1, 1)}, {"sort", triple(1, 1, 1)},   {"xread", triple(0, 0, 0)},
      {"georadius", triple(1, 1, 1)},   {"dbsize", triple(0, 0, 0)},
  };
  for (const auto& [name, expected] : kTriples) {
    EXPECT_THAT(Ask({"command", "info", name}), HasSubstr("\r\n" + expected + "*")) << name;
  }
  // Of two specifications the second one finds the keys by their count.
  EXPECT_THAT(Ask("command info zunionstore"), HasSubstr("$9\r\nkeynumidx\r\n:0\r\n$8\r\nfirstkey\r\n:1\r\n"));
  EXPECT_THAT(Ask("command info del"), HasSubstr("$7\r\nlastkey\r\n:-1\r\n"));
}

TEST_F(CommandCommand, InfoAddsTheCategoriesThatFollowFromTheFlags) {
  EXPECT_THAT(Ask("command info set"), AllOf(HasSubstr("+@write\r\n"), HasSubstr("+@slow\r\n")));
  EXPECT_THAT(Ask("command info get"), AllOf(HasSubstr("+@read\r\n"), HasSubstr("+@fast\r\n")));
  EXPECT_THAT(Ask("command info get"), Not(HasSubstr("@write")));
}

TEST_F(CommandCommand, HelpIsALineForALine) {
  const std::string help = Ask("command help");
  EXPECT_THAT(help, HasSubstr("\r\n+COUNT\r\n"));
  EXPECT_EQ(std::ranges::count(help, '+'), std::stoi(help.substr(1)));
}

}  // namespace
}  // namespace ringproxy::proxy
