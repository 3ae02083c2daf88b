#include "tools/ringskew/hot_names.h"

#include <gtest/gtest.h>

namespace ringproxy::ringskew {
namespace {

// Hot names over a pool, which gets the same keys.
class HotNamesTest : public testing::Test {
 protected:
  void Add(const std::string& key, double requests) {
    const KeySample sample{.key = key, .requests = requests};
    const uint64_t identity = ring::Hash(ring::HashAlgorithm::kXxh3, key);
    names_.Add(sample, identity);
    KeyBatch batch{};
    batch.identities[0] = identity;
    batch.requests[0] = requests;
    base_.Add({base_.topology().hasher(key)}, batch, 1);
    ++report_.keys;
    report_.requests += requests;
  }
  const Report& Found() {
    names_.AddTo(report_, base_);
    return report_;
  }

  Trial base_{*PoolOfNodes("a,b,c,d"), true};
  HotNames names_{":"};
  Report report_;
};

TEST_F(HotNamesTest, NamesAHotKeyItsShareAndItsNodeAndSaysHowEvenTheRestIs) {
  for (int i = 0; i < 3'000; ++i) Add("user:" + std::to_string(i), 1);
  Add("session:hot", 1'000);
  const Report& report = Found();
  ASSERT_EQ(report.hot_keys.size(), 1U);
  EXPECT_EQ(report.hot_keys[0].name, "session:hot");
  EXPECT_DOUBLE_EQ(report.hot_keys[0].share, 0.25);
  const Topology& topology = base_.topology();
  EXPECT_EQ(report.hot_keys[0].node, topology.pool.nodes[topology.Owner(topology.hasher("session:hot"))].name);
  EXPECT_LT(report.without_hot_spread.peak_to_mean, 1.25);
  EXPECT_GT(ring::MeasureSpread(base_.requests(), topology.weights()).peak_to_mean, 1.5);
}

TEST_F(HotNamesTest, CallsNoKeyHotThatHasItsPart) {
  for (int i = 0; i < 4; ++i) Add("k" + std::to_string(i), 1'000);
  EXPECT_TRUE(Found().hot_keys.empty()) << "a quarter each, and a quarter is the mean";
}

TEST_F(HotNamesTest, NamesPrefixesFromAHundredthOfTheRequestsTheirDelimiterIncluded) {
  for (int i = 0; i < 989; ++i) Add("user:" + std::to_string(i), 1);
  for (int i = 0; i < 10; ++i) Add("job:1:" + std::to_string(i), 1);
  Add("plain", 1);
  const Report& report = Found();
  ASSERT_EQ(report.hot_prefixes.size(), 2U);
  EXPECT_EQ(report.hot_prefixes[0].name, "user:");
  EXPECT_EQ(report.hot_prefixes[1].name, "job:");
  EXPECT_DOUBLE_EQ(report.hot_prefixes[1].share, 0.01);
}

}  // namespace
}  // namespace ringproxy::ringskew
