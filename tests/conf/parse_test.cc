#include "conf/parse.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "conf/source.h"
#include "tests/support/golden.h"

namespace ringproxy::conf {
namespace {

using test::ReadFile;
using test::SourceRoot;

constexpr const char* kSmall =
    "listeners: [{name: web, listen: 127.0.0.1:6380, pool: p}]\n"
    "pools: {p: {nodes: [127.0.0.1:7001]}}\n";

Config Parsed(const std::string& text) {
  const Result<Config> config = ParseConfig(text, "test.yaml");
  EXPECT_TRUE(config.ok()) << text << "\n" << (config.ok() ? "" : ToString(config.errors()));
  return config.ok() ? *config : Config{};
}

std::string ParseErrorsOf(const std::string& text) {
  const Result<Config> config = ParseConfig(text, "test.yaml");
  return config.ok() ? "" : ToString(config.errors());
}

// Each bad configuration of tests/golden/conf has its errors beside it, word by word.
TEST(ParseConfig, SaysEveryMistakeOfTheBadConfigurations) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SourceRoot() / "tests/golden/conf")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const std::string name = entry.path().filename();
    const Result<Config> config = ParseConfig(ReadFile(entry.path()), name);
    ASSERT_FALSE(config.ok()) << name;
    test::ExpectGolden("tests/golden/conf/" + entry.path().stem().string() + ".errors", ToString(config.errors()));
  }
  EXPECT_GE(files, 15);
}

TEST(ParseConfig, ReadsEveryExample) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SourceRoot() / "conf/examples")) {
    if (entry.path().extension() != ".yaml") continue;
    ++files;
    const Result<Config> config = LoadConfig(entry.path());
    EXPECT_TRUE(config.ok()) << (config.ok() ? "" : ToString(config.errors()));
  }
  EXPECT_GE(files, 4);
}

TEST(ParseConfig, LeavesTheDefaultsWhereTheFileSaysNothing) {
  const Config config = Parsed(kSmall);
  Config expected;
  Listener& listener = expected.listeners.emplace_back();
  listener.name = "web";
  listener.listen = {"127.0.0.1", 6380, ""};
  listener.routes = {{"", "p"}};
  Pool& pool = expected.pools.emplace_back();
  pool.name = "p";
  pool.nodes = {{"127.0.0.1:7001", {"127.0.0.1", 7001, ""}, 1}};
  EXPECT_TRUE(config == expected);
}

TEST(ParseConfig, ReadsEveryOptionOfTheFullExample) {
  const Config config = *LoadConfig(SourceRoot() / "conf/examples/redis.yaml");
  EXPECT_EQ(config.workers, 0U);
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_EQ(config.listeners[0].limits.key_bytes, 65536U);
  EXPECT_EQ(config.listeners[0].idle_timeout, std::chrono::minutes(5));
  ASSERT_EQ(config.pools.size(), 1U);
  ASSERT_EQ(config.pools[0].nodes.size(), 3U);
  EXPECT_EQ(config.pools[0].nodes[2], (Node{"r3", {"10.0.0.13", 6379, ""}, 2}));
}

TEST(ParseConfig, NamesANodeByItsAddressUnlessItHasAName) {
  const Config config = Parsed(
      "listeners: [{name: web, listen: 127.0.0.1:6380, pool: p}]\n"
      "pools: {p: {nodes: ['[::1]:7001', {address: unix:/run/a.sock}, {name: r3, address: redis-3:7003}]}}\n");
  EXPECT_EQ(config.pools[0].nodes[0].name, "[::1]:7001");
  EXPECT_EQ(config.pools[0].nodes[1].name, "unix:/run/a.sock");
  EXPECT_EQ(config.pools[0].nodes[2].name, "r3");
}

TEST(ParseConfig, KeepsThePoolsAndRoutesInTheOrderOfTheFile) {
  const Config config = *LoadConfig(SourceRoot() / "conf/examples/two-pools.yaml");
  EXPECT_EQ(config.pools[0].name, "carts");
  EXPECT_EQ(config.pools[1].name, "main");
  EXPECT_EQ(config.listeners[0].routes,
            (std::vector<Route>{{"cart:", "carts"}, {"cart:archive:", "main"}, {"", "main"}}));
  EXPECT_TRUE(config.pools[0].timeouts == config.pools[1].timeouts) << "an alias is what it stands for";
}

TEST(ParseConfig, TakesAutoOrANumberOfWorkers) {
  EXPECT_EQ(Parsed(std::string("workers: auto\n") + kSmall).workers, 0U);
  EXPECT_EQ(Parsed(std::string("workers: 4\n") + kSmall).workers, 4U);
  EXPECT_EQ(ParseErrorsOf(std::string("workers: some\n") + kSmall),
            "test.yaml:1:10: workers: some is not a whole number, nor auto\n");
}

TEST(ParseConfig, TakesOneWordOrAListOfWords) {
  const Config config = Parsed(std::string(kSmall) +
                               "limits:\n"
                               "  - {name: a, rate: 1/s, per: client_ip, match: {command: [get, set], client: '::1'}}\n"
                               "  - {name: b, rate: 1/s, per: [], match: {}}\n");
  EXPECT_EQ(config.limits[0].per, Words{"client_ip"});
  EXPECT_EQ(config.limits[0].match.command, (Words{"get", "set"}));
  EXPECT_EQ(config.limits[0].match.client, Words{"::1"});
  EXPECT_EQ(config.limits[1].per, Words{});
}

TEST(ParseConfig, TakesAnEmptySectionAsItsDefaults) {
  EXPECT_TRUE(Parsed(std::string("admin:\nlog: {}\n") + kSmall) == Parsed(kSmall));
}

TEST(ParseConfig, ReadsTheFirstLineOfTheSecrets) {
  const std::string password = testing::TempDir() + "ringproxy_password";
  const std::string token = testing::TempDir() + "ringproxy_token";
  test::WriteFile(password, "s3cret with spaces \r\nsecond line\n");
  test::WriteFile(token, "no newline");
  const Config config = Parsed("admin: {listen: 0.0.0.0:9180, token_file: " + token +
                               "}\n"
                               "listeners: [{name: web, listen: 127.0.0.1:6380, pool: p}]\n"
                               "pools: {p: {nodes: [127.0.0.1:7001], auth: {password_file: " +
                               password + "}}}\n");
  EXPECT_EQ(config.pools[0].auth.password, "s3cret with spaces ");
  EXPECT_EQ(config.admin.token, "no newline");
}

TEST(ParseConfig, SurvivesNestingAndAliasesWithoutEnd) {
  const std::string deep(100'000, '[');
  EXPECT_EQ(ParseErrorsOf(deep), "test.yaml:1:1: nested too deeply\n");
  EXPECT_NE(ParseErrorsOf(std::string(100'000, '{')), "");
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_NE(ParseErrorsOf(dashes), "");
  EXPECT_NE(ParseErrorsOf("listeners: &l [*l]\npools: &p {p: *p}\n"), "");
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + ", " + last + "]\n";
  }
  EXPECT_NE(ParseErrorsOf(bomb + "pools: *a29\n"), "");
}

// One list of nodes, named a thousand times, would be ten million nodes.
TEST(ParseConfig, KeepsNoMoreMistakesThanAnybodyReadsHoweverOftenAnAliasRepeatsThem) {
  std::string keys, pools;
  for (int i = 0; i < 200; ++i) {
    keys += "unknown" + std::to_string(i) + ": 1, ";
    pools += ", p" + std::to_string(i) + ": *a";
  }
  const Result<Config> config = ParseConfig("pools: {a: &a {" + keys + "}" + pools + "}", "test.yaml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.errors().size(), Source::kMostErrors);
}

TEST(ParseConfig, RefusesAnAliasThatMultipliesBeyondReason) {
  std::string text = "listeners: [{name: web, listen: 127.0.0.1:6380, pool: p0}]\npools:\n  p0: {nodes: &n [";
  for (int i = 0; i < 10'000; ++i) text += "'10." + std::to_string(i / 250) + ".0." + std::to_string(i % 250) + ":1', ";
  text += "]}\n";
  for (int i = 1; i < 1000; ++i) text += "  p" + std::to_string(i) + ": {nodes: *n}\n";
  // Nothing is said of what was not read any more.
  const Result<Config> config = ParseConfig(text, "test.yaml");
  ASSERT_FALSE(config.ok());
  ASSERT_EQ(config.errors().size(), 1U);
  EXPECT_EQ(config.errors()[0].message, "more than 1000000 values");
}

TEST(ParseConfig, RefusesAFileThatIsTooLong) {
  EXPECT_EQ(ParseErrorsOf(std::string(kMostConfigBytes + 1, '#')),
            "test.yaml: is longer than a configuration may be, 4194304 bytes\n");
  EXPECT_NE(ParseErrorsOf(std::string(kMostConfigBytes, '#')), "");
}

TEST(ParseConfig, NeverFailsOnAFileThatIsCutShort) {
  const std::string text = ReadFile(SourceRoot() / "conf/examples/redis.yaml");
  for (size_t length = 0; length < text.size(); ++length) {
    const Result<Config> config = ParseConfig(text.substr(0, length), "test.yaml");
    if (config.ok()) continue;
    for (const Error& error : config.errors()) EXPECT_EQ(error.file, "test.yaml");
  }
}

TEST(ParseConfig, NeverFailsOnAFileWithRandomDamage) {
  const std::string text = ReadFile(SourceRoot() / "conf/examples/two-pools.yaml");
  std::mt19937 random(1);
  const std::string_view signs = "{}[],:-&*?!|>'\"%@` \n\t#0\xff";
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = text;
    for (int i = 0; i < 1 + round % 8; ++i) {
      const size_t at = random() % damaged.size();
      switch (random() % 4) {
        case 0: damaged[at] = signs[random() % signs.size()]; break;
        case 1: damaged[at] = static_cast<char>(random()); break;
        case 2: damaged.erase(at, random() % 20); break;
        case 3: damaged.insert(at, damaged.substr(random() % damaged.size(), random() % 40)); break;
      }
    }
    const Result<Config> config = ParseConfig(damaged, "test.yaml");
    EXPECT_TRUE(config.ok() || !config.errors().empty());
  }
}

TEST(LoadConfig, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ToString(LoadConfig("/nonexistent/ringproxy.yaml").errors()),
            "/nonexistent/ringproxy.yaml: cannot be read: No such file or directory\n");
  EXPECT_EQ(ToString(LoadConfig("/").errors()), "/: cannot be read: Is a directory\n");
}

TEST(LoadConfig, StopsReadingAFileWithoutEnd) {
  EXPECT_EQ(ToString(LoadConfig("/dev/zero").errors()),
            "/dev/zero: is longer than a configuration may be, 4194304 bytes\n");
}

}  // namespace
}  // namespace ringproxy::conf
