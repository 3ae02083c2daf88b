#include "conf/print.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "conf/parse.h"
#include "tests/conf/sample_config.h"
#include "tests/support/golden.h"

namespace ringproxy::conf {
namespace {

void ExpectRoundTrip(const Config& config) {
  const std::string text = PrintConfig(config);
  const Result<Config> parsed = ParseConfig(text, "printed.yaml");
  ASSERT_TRUE(parsed.ok()) << ToString(parsed.errors()) << text;
  EXPECT_TRUE(*parsed == config) << text;
}

TEST(PrintConfig, GivesAFileThatMeansTheSame) {
  ExpectRoundTrip(SampleConfig());
  for (const auto& entry : std::filesystem::directory_iterator(test::SourceRoot() / "conf/examples")) {
    if (entry.path().extension() == ".yaml") ExpectRoundTrip(*LoadConfig(entry.path()));
  }
}

TEST(PrintConfig, WritesRatiosRatesAndWhatHappensWhenANodeIsDown) {
  Config config = SampleConfig();
  Pool& pool = config.pools[0];
  pool.ring.load_bound = {1250};
  pool.max_ejected = {125};
  pool.reconnect.rate = {300, std::chrono::minutes(1)};
  pool.flush_on_return = true;
  ExpectRoundTrip(config);
  pool.flush_on_return = false;
  Pool gutter = pool;
  gutter.name = "true";
  pool.on_down = {DownPolicy::kGutter, gutter.name};
  gutter.on_down = {};
  config.pools.push_back(gutter);
  ExpectRoundTrip(config);
  const std::string text = PrintConfig(config);
  for (const char* line : {"load_bound: 1.25\n", "max_ejected: 12.5%\n", "rate: 300/m\n", "flush_on_return: false\n",
                           "on_down: {gutter: \"true\"}\n", "on_down: error\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(PrintConfig, WritesACommandInALineAndWhereItsKeysStand) {
  Config config = SampleConfig();
  CustomCommand& command = config.commands.emplace_back();
  command = {.name = "my.cmd", .arity = {-3}, .keys = {.first = 1, .last = {-1}, .step = 2}};
  config.commands.push_back({.name = "my.counted", .arity = {-3}, .keys = {.count_at = 1}});
  config.commands.push_back({.name = "my.size",
                             .arity = {1},
                             .access = CommandAccess::kRead,
                             .handling = CommandHandling::kAllNodes,
                             .merge = CommandMerge::kSum,
                             .is_heavy = true});
  ExpectRoundTrip(config);
  const std::string text = PrintConfig(config);
  for (const char* line :
       {"name: my.cmd, arity: -3, keys: {first: 1, last: -1, step: 2, count_at: none}, access: write",
        "name: my.size, arity: 1, keys: none, access: read, handling: all_nodes, merge: sum, heavy"}) {
    EXPECT_NE(text.find(line), std::string::npos) << text;
  }
  EXPECT_NE(PrintChanges(config, {}).find("- {name: my.counted, arity: -3, keys: {count_at: 1}}"), std::string::npos);
}

TEST(PrintConfig, WritesGroupsThatMeanTheSame) {
  Config config = SampleConfig();
  config.pools[0].groups = {{.set = GroupSet::kBeeQueue}, {.pattern = "a:{*}:*"}, {.pattern = "\x06*", .tag = "{x"}};
  ExpectRoundTrip(config);
}

TEST(PrintConfig, QuotesWhatYamlWouldTakeForSomethingElse) {
  for (const char* name :
       {"true", "No",  "null", "~",    "123",   "1e3", "0x1f", "a#b", "#a",  "a:",   "a:b",        "-",
        "-a",   "a,b", "{a}",  "[a]",  "&a",    "*a",  "!a",   "|",   ">",   "%a",   "@a",         "`a`",
        "\"",   "'",   "a\"b", "a\\b", "größe", "<<",  "=",    "?",   "a.b", "a[0]", "2024-01-01", "12:30:45"}) {
    Config config = SampleConfig();
    config.listeners[0].name = name;
    config.pools[0].name = name;
    config.pools[0].nodes[0].name = name;
    for (Route& route : config.listeners[0].routes) route.pool = name;
    ExpectRoundTrip(config);
  }
}

TEST(PrintConfig, KeepsAPrefixOfAnyText) {
  for (const char* prefix : {" ", "a b", "a\nb", "\t", "\x01\x7f", "\\n", "é: ", "--- ", "# "}) {
    Config config = SampleConfig();
    config.listeners[0].routes[0].prefix = prefix;
    ExpectRoundTrip(config);
  }
}

TEST(PrintConfig, WritesWordsAsAListAndQuotesThoseThatNeedIt) {
  Config config = SampleConfig();
  config.limits[0].match.prefix = {"cart:", "a, b", "[x]", "off", "\x01"};
  config.limits[0].match.command = {"get", "config|get"};
  config.limits[0].match.client = {"10.0.0.0/8", "::1"};
  config.pools[0].concurrency.algorithm = ConcurrencyAlgorithm::kOff;
  ExpectRoundTrip(config);
  const std::string text = PrintConfig(config);
  for (const char* line : {"prefix: [\"cart:\", \"a, b\", \"[x]\", \"off\", \"\\x01\"]\n", "per: [user]\n",
                           "glob: []\n", "command: [get, \"config|get\"]\n", "algorithm: \"off\"\n", "burst: auto\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(PrintConfig, WritesWhatALimitDoesNotHaveAsNone) {
  Config config = SampleConfig();
  EXPECT_NE(PrintConfig(config).find("requests_in_flight: none\n"), std::string::npos);
  config.limits[0].rate = {};
  EXPECT_NE(PrintConfig(config).find("rate: none\n"), std::string::npos);
  config.limits.clear();
  config.priority.clear();
  ExpectRoundTrip(config);
  EXPECT_NE(PrintConfig(config).find("limits: []\n"), std::string::npos);
}

TEST(PrintConfig, WritesAModeInAWayThatNoReaderTakesForANumber) {
  Config config = SampleConfig();
  config.listeners[0].listen = {"", 0, "/run/ringproxy.sock"};
  EXPECT_NE(PrintConfig(config).find("socket_mode: auto"), std::string::npos);
  config.listeners[0].socket_mode = 0660;
  EXPECT_NE(PrintConfig(config).find("socket_mode: \"0660\""), std::string::npos);
  ExpectRoundTrip(config);
}

TEST(PrintChanges, WritesWhatDiffersFromTheDefaultsAndMeansTheSame) {
  const Config config = SampleConfig();
  const std::string text = PrintChanges(config, {});
  EXPECT_EQ(text.find("health"), std::string::npos);
  EXPECT_NE(text.find("    on_down: rehash\n"), std::string::npos);
  EXPECT_NE(text.find("      - {name: r1, address: 127.0.0.1:7001}\n"), std::string::npos);
  const Result<Config> parsed = ParseConfig(text, "printed.yaml");
  ASSERT_TRUE(parsed.ok()) << ToString(parsed.errors()) << text;
  EXPECT_TRUE(*parsed == config) << text;
}

TEST(PrintChanges, PutsEachCommentWhereItsOptionStandsOrWouldStand) {
  Config config = SampleConfig();
  config.limits.clear();
  config.priority.clear();
  config.pools[0].nodes[0].name = config.pools[0].nodes[0].address.ToString();
  const Comments comments = {{"admin", {"of admin"}},
                             {"listeners[0]", {"of a listener", "twice"}},
                             {"listeners[0].name", {"of its name"}},
                             {"listeners[0].routes[1]", {"of a route"}},
                             {"pools.sessions", {"of a pool"}},
                             {"pools.sessions.health.fall", {"of an option in a section that is left out"}},
                             {"pools.sessions.nodes", {"of nodes\nand a forged: line"}},
                             {"pools.sessions.nodes[0]", {std::string(60, 'x') + " " + std::string(60, 'y')}},
                             {"pools.sessions.nodes[0].weight", {"of a weight"}},
                             {"pools.sessions.on_down", {"of on_down"}}};
  const std::string text = PrintChanges(config, comments);
  EXPECT_EQ(text,
            "# of admin\n"
            "listeners:\n"
            "  # of a listener\n"
            "  # twice\n"
            "    # of its name\n"
            "  - name: web\n"
            "    listen: 127.0.0.1:6380\n"
            "    routes:\n"
            "      - {prefix: \"cart:\", pool: sessions}\n"
            "      # of a route\n"
            "      - {pool: sessions}\n"
            "pools:\n"
            "  # of a pool\n"
            "  sessions:\n"
            "    data: cache\n"
            "    # of nodes\\x0aand a forged: line\n"
            "    nodes:\n"
            "      # " +
                std::string(60, 'x') +
                "\n"
                "      #   " +
                std::string(60, 'y') +
                "\n"
                "      # of a weight\n"
                "      - {address: 127.0.0.1:7001}\n"
                "    timeouts:\n"
                "      total: 20m\n"
                "    # of an option in a section that is left out\n"
                "    concurrency:\n"
                "      min: 1\n"
                "      max: 1000000\n"
                "    # of on_down\n"
                "    on_down: rehash\n"
                "    reconnect:\n"
                "      initial: 1ms\n"
                "      max: 10m\n");
  EXPECT_TRUE(*ParseConfig(text, "printed.yaml") == config);
}

TEST(PrintConfig, NeverShowsASecret) {
  Config config = SampleConfig();
  config.pools[0].auth = {"app", "/etc/redis.pass", "hunter2"};
  config.admin.token = "hunter2";
  const std::string text = PrintConfig(config);
  EXPECT_EQ(text.find("hunter2"), std::string::npos);
  EXPECT_NE(text.find("/etc/redis.pass"), std::string::npos);
}

TEST(PrintConfig, WritesThePoolOrTheRoutesButNotBoth) {
  Config config = SampleConfig();
  EXPECT_EQ(PrintConfig(config).find("    pool: sessions"), std::string::npos);
  config.listeners[0].routes = {{"", "sessions"}};
  EXPECT_NE(PrintConfig(config).find("    pool: sessions"), std::string::npos);
  EXPECT_EQ(PrintConfig(config).find("routes"), std::string::npos);
}

}  // namespace
}  // namespace ringproxy::conf
