#include "tools/ringskew/analysis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tools/ringskew/render.h"

namespace ringproxy::ringskew {
namespace {

conf::Pool Nodes(const std::string& list, uint32_t virtual_nodes = 1024) {
  conf::Pool pool = *PoolOfNodes(list);
  pool.ring.virtual_nodes = virtual_nodes;
  return pool;
}

Report Analysed(const conf::Pool& pool, const std::string& keys, AnalysisOptions options = {}) {
  Analysis analysis(pool, std::move(options));
  EXPECT_FALSE(ForEachKey(
      {keys, {}}, [&](const KeySample& sample) { analysis.Add(sample); }, [](uint64_t) {}));
  return analysis.Finish(keys, false);
}

// A key of the given node.
std::string KeyOf(const conf::Pool& pool, ring::NodeIndex node, int start = 0) {
  const Topology topology = MakeTopology(pool);
  for (int i = start;; ++i) {
    std::string key = "k:" + std::to_string(i);
    if (topology.Owner(KeyHash(pool, key)) == node) return key;
  }
}

TEST(Analysis, KnowsTheAnswerOfAKnownSet) {
  const conf::Pool pool = Nodes("a,b");
  Analysis analysis(pool, {});
  analysis.Add({KeyOf(pool, 0), 30, 1000});
  analysis.Add({KeyOf(pool, 1), 10, 3000});
  const Report report = analysis.Finish("known", false);
  EXPECT_EQ(report.keys, 2U);
  EXPECT_DOUBLE_EQ(report.requests, 40);
  EXPECT_DOUBLE_EQ(report.bytes, 4000);
  EXPECT_EQ(report.nodes[0].keys, 1U);
  EXPECT_DOUBLE_EQ(report.nodes[0].share, 0.75);
  EXPECT_DOUBLE_EQ(report.nodes[0].fair_share, 0.5);
  EXPECT_DOUBLE_EQ(report.nodes[0].ratio, 1.5);
  EXPECT_DOUBLE_EQ(report.requests_spread.peak_to_mean, 1.5);
  EXPECT_DOUBLE_EQ(report.keys_spread.peak_to_mean, 1);
  EXPECT_DOUBLE_EQ(report.nodes[1].bytes, 3000);
}

TEST(Analysis, SaysThatChanceNeedsNoChange) {
  const Report report = Analysed(Nodes("n1,n2,n3,n4"), "100000:uniform");
  ASSERT_EQ(report.advice.size(), 1U);
  EXPECT_TRUE(report.advice[0].starts_with("Nothing to change, the rest is chance")) << report.advice[0];
  EXPECT_EQ(report.yaml, "");
  EXPECT_TRUE(report.hot_keys.empty());
}

TEST(Analysis, AdvisesMoreVirtualNodesWhereTheRingIsUneven) {
  const Report report = Analysed(Nodes("n1,n2,n3,n4,n5", 2), "50000:uniform");
  EXPECT_TRUE(report.advice[0].starts_with("Too few virtual nodes")) << report.advice[0];
  const size_t at = report.yaml.find("virtual_nodes: ");
  ASSERT_NE(at, std::string::npos) << report.yaml;
  // What it says to paste is enough.
  const auto enough = static_cast<uint32_t>(std::stoul(report.yaml.substr(at + 15)));
  EXPECT_LE(Analysed(Nodes("n1,n2,n3,n4,n5", enough), "50000:uniform").ring_spread.peak_to_mean, 1.10);
}

TEST(Analysis, TellsHotKeysFromAnUnevenRing) {
  const conf::Pool pool = Nodes("n1,n2,n3,n4,n5,n6,n7,n8");
  Analysis analysis(pool, {});
  for (int i = 0; i < 20'000; ++i) analysis.Add({"user:" + std::to_string(i), 10, 0});
  const std::string hot = KeyOf(pool, 3);
  analysis.Add({hot, 60'000, 0});
  const Report report = analysis.Finish("hot", false);
  ASSERT_EQ(report.hot_keys.size(), 1U);
  EXPECT_EQ(report.hot_keys[0].name, hot);
  EXPECT_EQ(report.hot_keys[0].node, "n4");
  EXPECT_NEAR(report.hot_keys[0].share, 60.0 / 260, 0.001);
  EXPECT_EQ(report.hot_keys[0].copies, 4U);  // ceil(0.23 * 8 / 0.5)
  EXPECT_GT(report.requests_spread.peak_to_mean, 2);
  EXPECT_LT(report.without_hot_spread.peak_to_mean, 1.15);
  EXPECT_NE(report.advice[0].find("no number of virtual nodes can spread one key"), std::string::npos);
  ASSERT_FALSE(report.hot_prefixes.empty());
  EXPECT_EQ(report.hot_prefixes[0].name, "user:");
}

// The literature's picture: one point a node is far from even, 128 bring the fullest of three to about 35 %.
TEST(Analysis, SweepsTheKnownPicture) {
  AnalysisOptions options;
  for (uint32_t v = 1; v <= 4096; v *= 2) options.sweep.push_back(v);
  const Report report = Analysed(Nodes("r1,r2,r3"), "100000:uniform", options);
  const auto row = [&](uint32_t virtual_nodes) {
    return *std::ranges::find(report.sweep, virtual_nodes, &SweepRow::virtual_nodes);
  };
  EXPECT_GT(row(1).fullest_share, 0.5);
  EXPECT_LE(row(128).fullest_share, 0.3505);
  EXPECT_LE(row(4096).fullest_share, 0.345);
  EXPECT_EQ(std::ranges::count(report.sweep, true, &SweepRow::reaches_target), 1);
}

// CV = sqrt((N-1)/(NV+1)), averaged over names, which the ring's luck hangs on.
TEST(Analysis, SweepFollowsTheExpectedSpread) {
  constexpr int kSets = 30;
  AnalysisOptions options;
  options.sweep = {16, 64, 256};
  std::vector<double> squares(options.sweep.size());
  double expected_at_16 = 0;
  for (int set = 0; set < kSets; ++set) {
    std::string names;
    for (int i = 0; i < 10; ++i) names += (i > 0 ? ",s" : "s") + std::to_string(set) + "n" + std::to_string(i);
    const Report report = Analysed(Nodes(names), "40000:uniform", options);
    for (size_t i = 0; i < squares.size(); ++i) squares[i] += report.sweep[i].keys.cv * report.sweep[i].keys.cv / kSets;
    expected_at_16 = report.sweep[0].expected_cv;
  }
  for (size_t i = 0; i < squares.size(); ++i) {
    // The ring's own spread and that of 40,000 keys.
    const double expected = std::hypot(ring::ExpectedCv(10, options.sweep[i]), ring::SamplingCv(40'000, 10));
    EXPECT_NEAR(std::sqrt(squares[i]) / expected, 1, 0.15) << options.sweep[i];
  }
  EXPECT_NEAR(expected_at_16, std::sqrt(9.0 / 161), 1e-9);
}

TEST(Analysis, MovesOnlyWhatAVnodeRingMust) {
  AnalysisOptions options;
  options.change = Change{.add = {"n5"}, .remove = {}, .weight = {}, .algorithm = {}, .virtual_nodes = {}};
  const Report report = Analysed(Nodes("n1,n2,n3,n4"), "100000:uniform", options);
  ASSERT_TRUE(report.change);
  EXPECT_DOUBLE_EQ(report.change->least_moved, 0.2);
  EXPECT_NEAR(report.change->moved_keys, 0.2, 0.02);
  // Nothing moved between the nodes that stayed: what moved is just what the new one has.
  EXPECT_EQ(report.change->extra_misses, report.change->nodes[4].keys);
}

TEST(Analysis, SeesThatModulaMovesNearlyEverything) {
  AnalysisOptions options;
  options.change =
      Change{.add = {"n5"}, .remove = {}, .weight = {}, .algorithm = ring::Algorithm::kModula, .virtual_nodes = {}};
  const Report report = Analysed(Nodes("n1,n2,n3,n4"), "100000:uniform", options);
  EXPECT_GT(report.change->moved_keys, 0.7);
}

TEST(Render, EscapesWhatKeysMayHold) {
  const conf::Pool pool = Nodes("a,b");
  Analysis analysis(pool, {});
  for (int i = 0; i < 1000; ++i) analysis.Add({"k" + std::to_string(i), 1, 0});
  analysis.Add({"<script>alert(1)</script>\xff", 5000, 0});
  const Report report = analysis.Finish("bad \"file\"", true);
  const std::string html = RenderHtml(report);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);  // Nothing is fetched.
  EXPECT_NE(html.find("Partial"), std::string::npos);
  EXPECT_NE(RenderJson(report).find("\"version\": 1"), std::string::npos);
  EXPECT_NE(RenderTable(report, false).find("PARTIAL"), std::string::npos);
  EXPECT_EQ(RenderTable(report, false).find('\x1b'), std::string::npos);
  EXPECT_TRUE(RenderCsv(report).starts_with("node,weight,keys,requests,bytes,share,fair_share,ratio,ring_share\na,1,"));
}

}  // namespace
}  // namespace ringproxy::ringskew
