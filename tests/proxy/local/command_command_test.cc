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

TEST_F(CommandCommand, CommandTellsOnlyWhatCanBeCalled) {
  EXPECT_EQ(Ask("command info multi nosuch get|x"), "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
  EXPECT_THAT(Ask("command info config"), AllOf(HasSubstr("config|get"), Not(HasSubstr("config|set"))));
  const std::string all = Ask("command");
  EXPECT_THAT(all, AllOf(HasSubstr("$4\r\nmget\r\n"), HasSubstr("$4\r\nping\r\n"), Not(HasSubstr("$5\r\nmulti\r\n"))));
  EXPECT_EQ(Ask("command info"), all);
  const std::string count = Ask("command count");
  EXPECT_THAT(all, StartsWith("*" + count.substr(1)));
  EXPECT_THAT(Ask("command list"), StartsWith("*" + count.substr(1)));
}

TEST_F(CommandCommand, CommandListFilters) {
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
