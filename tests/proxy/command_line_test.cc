#include "proxy/command_line.h"

#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <vector>

#include "conf/parse.h"
#include "tests/support/golden.h"

namespace ringproxy::proxy {
namespace {

struct Outcome {
  std::optional<RunConfig> run;
  std::optional<ExitCode> exit;
  std::string out, err;
};

Outcome RunWith(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ringproxy");
  std::ostringstream out, err;
  const auto result = ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), out, err);
  Outcome outcome{{}, {}, out.str(), err.str()};
  if (const auto* run = std::get_if<RunConfig>(&result)) outcome.run = *run;
  if (const auto* exit = std::get_if<ExitCode>(&result)) outcome.exit = *exit;
  return outcome;
}

std::string Example() {
  return test::SourceRoot() / "conf/examples/minimal.yaml";
}

// Ends with code 2 and says `text`.
void ExpectBadUsage(const std::vector<const char*>& arguments, const std::string& text) {
  const Outcome outcome = RunWith(arguments);
  EXPECT_EQ(outcome.exit, ExitCode::kBadUsage) << text;
  EXPECT_NE(outcome.err.find("ringproxy: " + text + "\n"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("Usage: "), std::string::npos);
  EXPECT_EQ(outcome.out, "");
}

TEST(CommandLine, RunsWithAFile) {
  const Outcome outcome = RunWith({"--config", Example().c_str()});
  ASSERT_TRUE(outcome.run);
  EXPECT_EQ(outcome.run->config_file, Example());
  EXPECT_EQ(outcome.run->config.pools[0].nodes.size(), 3U);
  EXPECT_EQ(outcome.out + outcome.err, "");
}

TEST(CommandLine, RunsWithoutAFileOnLoopback) {
  const Outcome outcome = RunWith({"--redis", "127.0.0.1:7001,127.0.0.1:7002"});
  ASSERT_TRUE(outcome.run);
  EXPECT_EQ(outcome.run->config_file, "");
  const conf::Config& config = outcome.run->config;
  ASSERT_EQ(config.listeners.size(), 1U);
  EXPECT_EQ(config.listeners[0].name, "redis");
  EXPECT_EQ(config.listeners[0].listen.ToString(), "127.0.0.1:6380");
  EXPECT_EQ(config.listeners[0].routes, (std::vector<conf::Route>{{"", "redis"}}));
  EXPECT_EQ(config.admin.listen.ToString(), "127.0.0.1:9180");
  ASSERT_EQ(config.pools.size(), 1U);
  EXPECT_EQ(config.pools[0].name, "redis");
  ASSERT_EQ(config.pools[0].nodes.size(), 2U);
  EXPECT_EQ(config.pools[0].nodes[1].name, "127.0.0.1:7002");
}

TEST(CommandLine, TakesAddressesAndWorkersWithoutAFile) {
  const Outcome outcome = RunWith({"--redis=[::1]:7001", "--redis", "unix:/run/r.sock", "--listen", "0.0.0.0:0",
                                   "--admin", "127.0.0.1:0", "--workers", "2"});
  ASSERT_TRUE(outcome.run) << outcome.err;
  const conf::Config& config = outcome.run->config;
  EXPECT_EQ(config.listeners[0].listen.ToString(), "0.0.0.0:0");
  EXPECT_EQ(config.admin.listen.ToString(), "127.0.0.1:0");
  EXPECT_EQ(config.workers, 2U);
  EXPECT_EQ(config.pools[0].nodes[0].name, "[::1]:7001");
  EXPECT_EQ(config.pools[0].nodes[1].name, "unix:/run/r.sock");
}

TEST(CommandLine, EndsWithOneAfterABadConfiguration) {
  const std::string bad = test::SourceRoot() / "tests/golden/conf/bounds.yaml";
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"--config", bad.c_str()},
                                                    {"--config", bad.c_str(), "--check"},
                                                    {"--config", bad.c_str(), "--print-config"}}) {
    const Outcome outcome = RunWith(arguments);
    EXPECT_EQ(outcome.exit, ExitCode::kBadConfiguration);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(bad + ":19:38: pools.sessions.timeouts.request: 0ms is below the least, 1ms\n"),
              std::string::npos);
  }
  EXPECT_EQ(RunWith({"--config", "/nonexistent.yaml"}).exit, ExitCode::kBadConfiguration);
}

TEST(CommandLine, EndsWithTwoAfterBadUsage) {
  ExpectBadUsage({}, "--config, --redis or --memcached is required");
  ExpectBadUsage({"--check"}, "--config, --redis or --memcached is required");
  ExpectBadUsage({"--config", "a", "--redis", "b:1"}, "--config excludes --redis and --memcached");
  ExpectBadUsage({"--config", "a", "--check", "--version"},
                 "only one of --import, --check, --print-..., --version and --help may be given");
  ExpectBadUsage({"--config", "a", "--listen", "b:1"},
                 "--listen, --admin and --workers go with --redis or --memcached; a file says the same in "
                 "`listeners`, `admin` and `workers`");
  ExpectBadUsage({"--redis", "a:1", "--memcached", "b:1", "--listen", "c:1"},
                 "--listen goes with one of --redis and --memcached; where there are two listeners, write a file");
  ExpectBadUsage({"--redis", "a:1,"}, "--redis: \"\" lacks a port, as in 127.0.0.1:6380");
  ExpectBadUsage({"--redis", "a:1,a:1"}, "pools.redis.nodes[1]: name a:1 is taken by pools.redis.nodes[0]");
  ExpectBadUsage({"--redis", "a:1", "--workers", "0"}, "--workers: 0 is below the least, 1");
  ExpectBadUsage({"--redis", "a:1", "--listen", "6380"}, "--listen: 6380 lacks a port, as in 127.0.0.1:6380");
  ExpectBadUsage({"--redis", "a:1", "--admin", "unix:/a"}, "--admin: unix:/a is not HOST:PORT");
  ExpectBadUsage({"--redis", "a:1", "--admin", "0.0.0.0:1"},
                 "admin.listen: 0.0.0.0:1 is not loopback, which requires admin.token_file");
}

TEST(CommandLine, GuessesAtNoOption) {
  ExpectBadUsage({"--memcache", "127.0.0.1:11211"}, "unrecognised option '--memcache'");
  ExpectBadUsage({"--conf", "a"}, "unrecognised option '--conf'");
  EXPECT_EQ(RunWith({"ringproxy.yaml"}).exit, ExitCode::kBadUsage);
  EXPECT_EQ(RunWith({"--config"}).exit, ExitCode::kBadUsage);
  EXPECT_EQ(RunWith({"--config", "a", "--config", "b"}).exit, ExitCode::kBadUsage);
  EXPECT_EQ(RunWith({"--version=1"}).exit, ExitCode::kBadUsage);
  EXPECT_EQ(RunWith({"-x"}).exit, ExitCode::kBadUsage);
}

TEST(CommandLine, PutsAListenerInFrontOfEachKindOfServer) {
  const Outcome outcome = RunWith({"--redis", "a:1", "--memcached", "b:1,c:1", "--print-config"});
  EXPECT_EQ(outcome.exit, ExitCode::kClean);
  const auto config = conf::ParseConfig(outcome.out, "printed");
  ASSERT_TRUE(config.ok());
  ASSERT_EQ(config->listeners.size(), 2U);
  EXPECT_EQ(config->listeners[1].protocol, conf::Protocol::kMemcached);
  EXPECT_EQ(config->listeners[1].listen.ToString(), "127.0.0.1:11311");
  EXPECT_EQ(config->pools[1].name, "memcached");
  EXPECT_EQ(config->pools[1].nodes.size(), 2U);
}

TEST(CommandLine, ChecksWithoutRunning) {
  const Outcome outcome = RunWith({"--config", Example().c_str(), "--check"});
  EXPECT_EQ(outcome.exit, ExitCode::kClean);
  EXPECT_EQ(outcome.out, Example() + ": ok, 1 listener, 1 pool, 3 nodes\n");
  EXPECT_EQ(outcome.err, "");
}

TEST(CommandLine, ChecksAFileThatStandsBehindTheOption) {
  const Outcome outcome = RunWith({"--check", Example().c_str()});
  EXPECT_EQ(outcome.exit, ExitCode::kClean);
  EXPECT_EQ(outcome.out, Example() + ": ok, 1 listener, 1 pool, 3 nodes\n");
  EXPECT_EQ(RunWith({"--check", "/nonexistent.yaml"}).exit, ExitCode::kBadConfiguration);
  ExpectBadUsage({"a.yaml"}, "'a.yaml' stands without an option; a configuration is given as --config FILE");
  ExpectBadUsage({"--check", "a.yaml", "--config", "b.yaml"}, "--check FILE excludes --config");
  ExpectBadUsage({"--check", "a.yaml", "--redis", "b:1"}, "--config excludes --redis and --memcached");
  EXPECT_EQ(RunWith({"--check", "a.yaml", "b.yaml"}).exit, ExitCode::kBadUsage);
}

TEST(CommandLine, ChecksWithHintsAtWhatIsAllowedAndHardlyMeant) {
  const std::string file = testing::TempDir() + "ringproxy_hints.yaml";
  test::WriteFile(file,
                  "listeners: [{name: web, listen: '127.0.0.1:0', pool: main}]\n"
                  "pools:\n"
                  "  main:\n"
                  "    nodes: [{name: a, address: 'a:1', weight: 1000}, {name: b, address: 'b:1'}]\n"
                  "    ring: {algorithm: ketama, hash_tag: '{}'}\n");
  const Outcome outcome = RunWith({"--config", file.c_str(), "--check"});
  EXPECT_EQ(outcome.exit, ExitCode::kClean);
  EXPECT_EQ(outcome.out, file + ": ok, 1 listener, 1 pool, 2 nodes\n");
  EXPECT_EQ(outcome.err, file +
                             ": hint: pools.main.nodes[1]: weight 1 of 1001 is too small a share for a point on "
                             "the ring ketama: b gets no key\n");
}

TEST(CommandLine, PrintsAConfigurationThatCanBeRead) {
  const std::string example = Example();
  const std::string file = testing::TempDir() + "ringproxy_printed.yaml";
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"--print-config"},
                                                    {"--print-config", "--config", example.c_str()},
                                                    {"--print-config", "--redis", "a:1,b:2"}}) {
    const Outcome printed = RunWith(arguments);
    EXPECT_EQ(printed.exit, ExitCode::kClean);
    test::WriteFile(file, printed.out);
    const Outcome again = RunWith({"--config", file.c_str(), "--print-config"});
    EXPECT_EQ(again.out, printed.out) << again.err;
  }
}

TEST(CommandLine, ImportsAFileOfAnotherProgram) {
  const std::string file = test::SourceRoot() / "tests/golden/import/nutcracker.yml";
  const Outcome outcome = RunWith({"--import", file.c_str()});
  EXPECT_EQ(outcome.exit, ExitCode::kClean);
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(conf::ParseConfig(outcome.out, "imported"));
  EXPECT_EQ(RunWith({"--import", file.c_str(), "--import-format", "nutcracker"}).out, outcome.out);
  const std::string bad = test::SourceRoot() / "tests/golden/import/nutcracker_syntax.yml";
  EXPECT_EQ(RunWith({"--import", bad.c_str()}).exit, ExitCode::kBadConfiguration);
  EXPECT_EQ(RunWith({"--import", bad.c_str()}).err, bad + ":5:1: YAML: end of sequence flow not found\n");
  EXPECT_EQ(RunWith({"--import", "/nonexistent.yml"}).exit, ExitCode::kBadConfiguration);
}

TEST(CommandLine, ImportsAloneAndWhatIsKnown) {
  ExpectBadUsage({"--import", "a", "--config", "b"}, "--import excludes --config, --redis and --memcached");
  ExpectBadUsage({"--import", "a", "--check"},
                 "only one of --import, --check, --print-..., --version and --help may be given");
  ExpectBadUsage({"--import-format", "envoy"}, "--import-format goes with --import");
  ExpectBadUsage({"--import", "a", "--import-format", "envoi"},
                 "--import-format: envoi is unknown, perhaps envoy; it may be nutcracker, mcrouter, predixy or envoy");
}

TEST(CommandLine, PrintsWhatItKnowsAndEnds) {
  for (const char* option : {"--print-schema", "--print-reference", "--version", "--help"}) {
    const Outcome outcome = RunWith({option});
    EXPECT_EQ(outcome.exit, ExitCode::kClean) << option;
    EXPECT_EQ(outcome.err, "");
    EXPECT_NE(outcome.out, "");
  }
  EXPECT_TRUE(RunWith({"--version"}).out.starts_with("ringproxy "));
  EXPECT_NE(RunWith({"--help"}).out.find("--redis"), std::string::npos);
}

}  // namespace
}  // namespace ringproxy::proxy
