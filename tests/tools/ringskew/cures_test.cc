#include "tools/ringskew/cures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "conf/values.h"
#include "tools/ringskew/analysis.h"

namespace ringproxy::ringskew {
namespace {

// A forecast is right if what comes of it is nearer than this part.
constexpr double kRight = 0.02;

struct Load {
  std::string what;
  std::vector<std::pair<std::string, double>> keys;
};

Load Zipf(size_t count, double exponent) {
  Load load{std::to_string(count) + " zipf " + std::to_string(exponent), {}};
  for (size_t i = 0; i < count; ++i) {
    load.keys.emplace_back("user:" + std::to_string(i), 1000 * std::pow(static_cast<double>(i + 1), -exponent));
  }
  return load;
}

std::vector<Load> Loads() {
  return {Zipf(20'000, 0.99), Zipf(20'000, 0), Zipf(300, 0.8)};
}

conf::Pool PoolOf(const std::string& nodes, ring::Algorithm algorithm, uint32_t virtual_nodes) {
  conf::Pool pool = *PoolOfNodes(nodes);
  pool.ring.algorithm = algorithm;
  pool.ring.virtual_nodes = virtual_nodes;
  return pool;
}

Report Analysed(const conf::Pool& pool, const Load& load, AnalysisOptions options = {}) {
  Analysis analysis(pool, std::move(options));
  for (const auto& [key, requests] : load.keys) analysis.Add({key, requests, 0});
  return analysis.Finish(load.what, false);
}

// What the nodes of a pool get when the keys are placed one by one, by node.
std::vector<double> Placed(const conf::Pool& pool, const Load& load) {
  const std::unique_ptr<const ring::Ring> ring = conf::MakePoolRing(pool);
  const conf::KeyHasher hasher(pool.ring);
  std::vector<double> loads(pool.nodes.size());
  for (const auto& [key, requests] : load.keys) loads[ring->Pick(hasher(key))] += requests;
  return loads;
}

double PeakOf(const std::vector<double>& loads, const conf::Pool& capacity) {
  std::vector<double> weights;
  for (const conf::Node& node : capacity.nodes) weights.push_back(node.weight);
  return ring::MeasureSpread(loads, weights).peak_to_mean;
}

// The number behind a word of a text.
uint32_t NumberBehind(const std::string& text, const std::string& word) {
  const size_t at = text.find(word);
  EXPECT_NE(at, std::string::npos) << word << " in " << text;
  std::string digits;
  for (size_t i = at + word.size(); i < text.size() && (std::isdigit(text[i]) != 0 || text[i] == ','); ++i) {
    if (text[i] != ',') digits += text[i];
  }
  return digits.empty() ? 1 : static_cast<uint32_t>(std::stoul(digits));
}

// The load as it is when the cure has been taken by clients: the hottest keys are gone, or are under other names.
Load Treated(const Load& load, const std::string& cure) {
  std::vector<std::pair<std::string, double>> keys = load.keys;
  std::ranges::stable_sort(keys, std::ranges::greater(), &std::pair<std::string, double>::second);
  const bool caches = cure.starts_with("cache the ");
  const uint32_t count = NumberBehind(cure, caches ? "cache the " : "keep the ");
  Load treated{load.what, {keys.begin() + count, keys.end()}};
  if (caches) return treated;
  const uint32_t copies = NumberBehind(cure, " in ");
  for (uint32_t i = 0; i < count; ++i) {
    for (uint32_t copy = 1; copy <= copies; ++copy) {
      treated.keys.emplace_back(keys[i].first + "#" + std::to_string(copy), keys[i].second / copies);
    }
  }
  return treated;
}

// The pool as it is when the lines have been pasted.
conf::Pool Pasted(conf::Pool pool, const std::string& yaml) {
  for (conf::Node& node : pool.nodes) {
    const std::string line = "{name: " + node.name + ", weight: ";
    if (yaml.find(line) != std::string::npos) node.weight = NumberBehind(yaml, line);
  }
  if (yaml.find("virtual_nodes: ") != std::string::npos)
    pool.ring.virtual_nodes = NumberBehind(yaml, "virtual_nodes: ");
  if (yaml.find("algorithm: vnode") != std::string::npos) {
    pool.ring.algorithm = ring::Algorithm::kVnode;
    pool.ring.virtual_nodes = 0;
  }
  if (yaml.find("hash: md5") != std::string::npos) pool.ring.hash = ring::HashAlgorithm::kMd5;
  if (yaml.find("hash: xxh3") != std::string::npos) pool.ring.hash = ring::HashAlgorithm::kXxh3;
  if (yaml.find("hash_tag: \"\"") != std::string::npos) pool.ring.hash_tag = "";
  return pool;
}

// Applies the cure for real, places the keys, measures.
double Measured(const conf::Pool& pool, const Load& load, const CureRow& cure) {
  if (cure.what.starts_with("add a node")) {
    conf::Pool larger = pool;
    larger.nodes.push_back({.name = cure.what.substr(cure.what.rfind(' ') + 1), .address = {}});
    return PeakOf(Placed(larger, load), larger);
  }
  if (!cure.yaml.empty()) return PeakOf(Placed(Pasted(pool, cure.yaml), load), pool);
  return PeakOf(Placed(pool, Treated(load, cure.what)), pool);
}

void ExpectRightForecasts(const conf::Pool& pool, const Load& load, const Report& report) {
  EXPECT_FALSE(report.cures.empty());
  for (const CureRow& cure : report.cures) {
    const double measured = Measured(pool, load, cure);
    EXPECT_NEAR(cure.peak_to_mean / measured, 1, kRight)
        << load.what << ", " << pool.nodes.size() << " nodes, " << report.algorithm << ": " << cure.what;
  }
}

class Cures : public testing::TestWithParam<ring::Algorithm> {};

TEST_P(Cures, GiveWhatTheirForecastSays) {
  for (const Load& load : Loads()) {
    for (const std::string nodes : {"n1,n2,n3", "a,b,c,d,e,f,g,h,i,j"}) {
      const conf::Pool pool = PoolOf(nodes, GetParam(), HasVirtualNodes(GetParam()) ? 128 : 0);
      ExpectRightForecasts(pool, load, Analysed(pool, load));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rings, Cures,
                         testing::Values(ring::Algorithm::kVnode, ring::Algorithm::kKetama, ring::Algorithm::kTwemproxy,
                                         ring::Algorithm::kMaglev, ring::Algorithm::kRendezvous, ring::Algorithm::kJump,
                                         ring::Algorithm::kModula),
                         [](const auto& tested) { return std::string(conf::NameOf(tested.param)); });

// More keys than the map keeps.
TEST(CuresOfManyKeys, GiveWhatTheirForecastSays) {
  for (const Load& load : {Zipf(600'000, 0.9), Zipf(600'000, 0)}) {
    for (const std::string nodes : {"n1,n2,n3", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t"}) {
      const conf::Pool pool = PoolOf(nodes, ring::Algorithm::kVnode, 128);
      ExpectRightForecasts(pool, load, Analysed(pool, load));
    }
  }
}

Change ChangeOf(std::vector<std::string> add, std::vector<std::string> remove, std::vector<std::string> weight,
                std::optional<ring::Algorithm> algorithm = {}, std::optional<uint32_t> virtual_nodes = {}) {
  return {std::move(add), std::move(remove), std::move(weight), algorithm, virtual_nodes};
}

TEST(WhatIf, GivesWhatItsForecastSaysNodeByNode) {
  const std::vector<Change> changes = {
      ChangeOf({}, {}, {"a=2"}),
      ChangeOf({}, {}, {"a=3", "c=5"}),
      ChangeOf({"new"}, {}, {}),
      ChangeOf({"new=2", "newer"}, {}, {}),
      ChangeOf({}, {"b"}, {}),
      ChangeOf({"new"}, {"a"}, {"c=2"}),
      ChangeOf({}, {}, {}, {}, 16),
      ChangeOf({}, {}, {}, {}, 4096),
      ChangeOf({}, {}, {}, ring::Algorithm::kKetama, 160),
      ChangeOf({}, {}, {}, ring::Algorithm::kMaglev),
      ChangeOf({}, {}, {}, ring::Algorithm::kJump),
      ChangeOf({}, {}, {}, ring::Algorithm::kRendezvous),
      ChangeOf({"new"}, {}, {}, ring::Algorithm::kModula),
  };
  const conf::Pool pool = PoolOf("a,b,c,d", ring::Algorithm::kVnode, 128);
  for (const Load& load : {Zipf(30'000, 0.99), Zipf(30'000, 0)}) {
    for (const Change& change : changes) {
      AnalysisOptions options;
      options.change = change;
      const Report report = Analysed(pool, load, options);
      const conf::Pool changed = *Changed(pool, change);
      const std::vector<double> loads = Placed(changed, load);
      ASSERT_EQ(report.change->nodes.size(), loads.size());
      for (size_t i = 0; i < loads.size(); ++i) {
        EXPECT_NEAR(report.change->nodes[i].requests / loads[i], 1, kRight) << change.ToString();
      }
      EXPECT_NEAR(report.change->requests.peak_to_mean / PeakOf(loads, changed), 1, kRight) << change.ToString();
    }
  }
}

}  // namespace
}  // namespace ringproxy::ringskew
