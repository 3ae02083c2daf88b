#include "ring/weighted_hitters.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ring/hash.h"
#include "tests/support/zipf_keys.h"

namespace ringproxy::ring {
namespace {

void Add(WeightedHitters& hitters, const std::string& key, double weight) {
  hitters.Add(Hash(HashAlgorithm::kXxh3, key), key, weight);
}

TEST(WeightedHitters, WeighFewKeysExactlyWhateverTheScale) {
  for (const double scale : {1e-300, 0.001, 1.0, 1e12, 1e300}) {
    WeightedHitters hitters;
    for (int i = 0; i < 7; ++i) Add(hitters, "seven", scale);
    Add(hitters, "half", scale / 2);
    Add(hitters, "none", 0);
    const auto top = hitters.Top(10);
    ASSERT_EQ(top.size(), 2U);
    EXPECT_EQ(top[0].key, "seven");
    EXPECT_DOUBLE_EQ(top[0].weight, 7 * scale);
    EXPECT_DOUBLE_EQ(top[1].weight, scale / 2);
    EXPECT_DOUBLE_EQ(hitters.total(), 7.5 * scale);
  }
}

TEST(WeightedHitters, KnowTheHeaviestOfAZipfLogExactly) {
  WeightedHitters hitters;
  std::vector<double> truth(300'000);
  test::ZipfKeys keys(truth.size(), 0.99, 1);
  for (int i = 0; i < 1'000'000; ++i) {
    const size_t key = keys.Next();
    truth[key] += 1;
    Add(hitters, "k" + std::to_string(key), 1);
  }
  const auto top = hitters.Top(20);
  ASSERT_EQ(top.size(), 20U);
  for (size_t i = 0; i < top.size(); ++i) {
    EXPECT_EQ(top[i].weight, truth[std::stoul(top[i].key.substr(1))]) << top[i].key;
    EXPECT_LT(std::stoul(top[i].key.substr(1)), 25U);
  }
}

// One line a key, the lightest first: the heaviest come when all counters are taken.
TEST(WeightedHitters, FindWhatComesLast) {
  WeightedHitters hitters;
  for (int i = 50'000; i > 0; --i) Add(hitters, "k" + std::to_string(i), std::pow(i, -0.99));
  const auto top = hitters.Top(20);
  ASSERT_EQ(top.size(), 20U);
  for (size_t i = 0; i < top.size(); ++i) {
    EXPECT_EQ(top[i].key, "k" + std::to_string(i + 1));
    EXPECT_DOUBLE_EQ(top[i].weight, std::pow(i + 1, -0.99));
  }
}

TEST(WeightedHitters, ListNothingWhereAllAreAlike) {
  WeightedHitters hitters;
  for (int i = 0; i < 100'000; ++i) Add(hitters, "k" + std::to_string(i), 2);
  EXPECT_TRUE(hitters.Top(10).empty());
}

TEST(WeightedHitters, CutLongNamesAndTakeAnyBytes) {
  WeightedHitters hitters;
  Add(hitters, std::string(WeightedHitters::kLongestName + 5, '\xff'), 3);
  Add(hitters, "", 1);
  const auto top = hitters.Top(10);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].key.size(), WeightedHitters::kLongestName);
  EXPECT_EQ(top[1].key, "");
}

}  // namespace
}  // namespace ringproxy::ring
