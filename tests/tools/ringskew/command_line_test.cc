#include "tools/ringskew/command_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <vector>

#include "tests/support/golden.h"

namespace ringproxy::ringskew {
namespace {

struct Outcome {
  std::optional<Order> order;
  ExitCode exit{};
  std::string out, err;
};

Outcome Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ringskew");
  std::ostringstream out, err;
  Outcome outcome;
  outcome.order = ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), out, err, &outcome.exit);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

void ExpectError(const std::vector<const char*>& arguments, ExitCode exit, const std::string& text) {
  const Outcome outcome = Parse(arguments);
  EXPECT_FALSE(outcome.order);
  EXPECT_EQ(outcome.exit, exit);
  EXPECT_TRUE(outcome.err.starts_with("ringskew: " + text)) << outcome.err;
  EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
}

TEST(RingskewCommandLine, ReadsNodesWithoutAConfiguration) {
  const Outcome outcome = Parse({"--nodes", "a,b=2", "--virtual-nodes", "64", "--keys", "k", "--sweep", "16..100",
                                 "--hash-tag", "", "--format", "html", "--out", "r.html"});
  ASSERT_TRUE(outcome.order) << outcome.err;
  EXPECT_EQ(outcome.order->pool.nodes.size(), 2U);
  EXPECT_EQ(outcome.order->pool.ring.virtual_nodes, 64U);
  EXPECT_EQ(outcome.order->pool.ring.hash_tag, "");
  EXPECT_EQ(outcome.order->analysis.sweep, (std::vector<uint32_t>{16, 32, 64}));
  EXPECT_FALSE(outcome.order->analysis.change);
  EXPECT_EQ(outcome.order->format, Format::kHtml);
}

TEST(RingskewCommandLine, TakesAnotherRingThanConfiguredForAWhatIf) {
  const std::string config = test::SourceRoot() / "conf/examples/redis.yaml";
  const Outcome outcome = Parse({"--config", config.c_str(), "--keys", "k", "--virtual-nodes", "64", "--remove", "r1"});
  ASSERT_TRUE(outcome.order) << outcome.err;
  ASSERT_TRUE(outcome.order->analysis.change);
  EXPECT_EQ(outcome.order->analysis.change->ToString(), "remove r1, 64 virtual nodes");
  EXPECT_EQ(outcome.order->pool.ring.virtual_nodes, 1024U);
}

TEST(RingskewCommandLine, SweepsEveryRingThatHasVirtualNodesAndNoOther) {
  for (const char* algorithm : {"vnode", "ketama", "twemproxy"}) {
    EXPECT_TRUE(Parse({"--nodes", "a,b", "--algorithm", algorithm, "--keys", "k", "--sweep", "16..64"}).order);
  }
  for (const char* algorithm : {"maglev", "jump", "rendezvous", "modula"}) {
    ExpectError({"--nodes", "a,b", "--algorithm", algorithm, "--keys", "k", "--sweep", "16..64"}, ExitCode::kBadUsage,
                "--sweep: the algorithm " + std::string(algorithm) + " has no virtual nodes; ");
  }
}

TEST(RingskewCommandLine, SaysInOneLineWhatIsWrong) {
  const std::string config = test::SourceRoot() / "conf/examples/two-pools.yaml";
  ExpectError({}, ExitCode::kBadUsage, "one of --config and --nodes is needed\n");
  ExpectError({"--nodes", "a"}, ExitCode::kBadUsage, "--keys or --scan is needed\n");
  ExpectError({"--nodes", "a=x", "--keys", "k"}, ExitCode::kBadUsage, "--nodes: the weight of a is x, not a number");
  ExpectError({"--nodes", "a", "--keys", "k", "--sweep", "9"}, ExitCode::kBadUsage,
              "--sweep: 9 is not A..B, as in 16..4096\n");
  ExpectError({"--nodes", "a", "--keys", "k", "--sweep", "9..2"}, ExitCode::kBadUsage, "--sweep: 9..2 goes down\n");
  ExpectError({"--nodes", "a", "--keys", "k", "--virtual-nodes", "0"}, ExitCode::kBadUsage,
              "--virtual-nodes: '0' is not");
  ExpectError({"--nodes", "a", "--keys", "k", "--format", "pdf"}, ExitCode::kBadUsage,
              "--format: pdf is none of table");
  for (const char* target : {"0.9", "nan", "inf"}) {
    ExpectError({"--nodes", "a", "--keys", "k", "--target", target}, ExitCode::kBadUsage, "--target: a peak/mean is");
  }
  ExpectError({"--nodes", "a", "--keys", "k", "--prefix-delimiter", ""}, ExitCode::kBadUsage,
              "--prefix-delimiter is empty");
  ExpectError({"--nodes", "a", "--keys", "k", "--no-quotes"}, ExitCode::kBadUsage,
              "--weight-column, --bytes-column, --delimiter and --no-quotes go with --key-column\n");
  ExpectError({"--nodes", "a", "--keys", "k", "--key-column", "1", "--delimiter", "ab"}, ExitCode::kBadUsage,
              "--delimiter: ab is not one character, tab or space\n");
  ExpectError({"--nodes", "a=\x1b[2J", "--keys", "k"}, ExitCode::kBadUsage,
              "--nodes: the weight of a is \\x1b[2J, not");
  ExpectError({"--nodes", "a", "--keys", "k", "--remove", "x"}, ExitCode::kBadUsage,
              "no node is called x; there are a\n");
  ExpectError({"--nodes", "a", "--keys", "k", "--algorithm", "modula", "--sweep", "1..2"}, ExitCode::kBadUsage,
              "--sweep: the algorithm modula has no virtual nodes; vnode, ketama and twemproxy have\n");
  ExpectError({"--nodes", "a", "--keys", "k", "--algorithm", "ketama", "--sweep", "4..64"}, ExitCode::kBadUsage,
              "--sweep: pools.nodes.ring.virtual_nodes: 4 is below the least of a ketama ring, 8\n");
  ExpectError({"--nodes", "a=1000,b=1000,c=1000", "--keys", "k", "--sweep", "1024..65536"}, ExitCode::kBadUsage,
              "--sweep: pools.nodes.ring.virtual_nodes: ");
  ExpectError({"--nodes", "a,b", "--keys", "k", "--algorithm", "slots"}, ExitCode::kBadUsage,
              "pools.nodes.nodes: slot 0 has no owner");
  ExpectError({"--nodes", "a,b", "--keys", "k", "--algorithm", "ketama", "--virtual-nodes", "3"}, ExitCode::kBadUsage,
              "pools.nodes.ring.virtual_nodes: 3 is below the least of a ketama ring");
  ExpectError({"--config", "/nowhere", "--keys", "k"}, ExitCode::kBadInput, "/nowhere");
  ExpectError({"--config", config.c_str(), "--keys", "k"}, ExitCode::kBadInput, "--pool is needed; ");
  ExpectError({"--config", config.c_str(), "--pool", "x", "--keys", "k"}, ExitCode::kBadInput, "no pool is called x; ");
  EXPECT_EQ(Parse({"--help"}).exit, ExitCode::kClean);
}

}  // namespace
}  // namespace ringproxy::ringskew
