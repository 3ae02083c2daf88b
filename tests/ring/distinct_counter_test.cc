#include "ring/distinct_counter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "ring/hash.h"
#include "ring/vnode_ring.h"

namespace ringproxy::ring {
namespace {

uint64_t HashOf(const std::string& key) {
  return Hash(HashAlgorithm::kXxh3, key);
}

TEST(DistinctCounter, CountsFewKeysAsGoodAsExactly) {
  DistinctCounter counter;
  EXPECT_EQ(counter.Estimate(), 0);
  for (int key = 1; key <= 20; ++key) {
    counter.Add(HashOf("k" + std::to_string(key)));
    EXPECT_EQ(std::lround(counter.Estimate()), key);
  }
}

TEST(DistinctCounter, CountsAKeyOnceHoweverOftenItComes) {
  DistinctCounter counter;
  for (int i = 0; i < 10'000; ++i) counter.Add(HashOf("k" + std::to_string(i % 100)));
  EXPECT_NEAR(counter.Estimate(), 100, 3);
}

// Over forty sets of keys the error is the paper's and its mean nothing, also between the ranges where the original
// estimator leaps from one formula to another (2.5 * 4,096).
TEST(DistinctCounter, ErrsByOnePointSixPercentAndToNoSide) {
  constexpr int kSets = 40;
  for (const int keys : {1'000, 10'240, 20'000, 200'000}) {
    double sum = 0;
    double squares = 0;
    for (int set = 0; set < kSets; ++set) {
      DistinctCounter counter;
      for (int i = 0; i < keys; ++i) counter.Add(HashOf(std::to_string(set) + ":" + std::to_string(i)));
      const double error = counter.Estimate() / keys - 1;
      sum += error / kSets;
      squares += error * error / kSets;
    }
    EXPECT_LE(std::sqrt(squares), 0.021) << keys;
    EXPECT_LE(std::abs(sum), 3 * 0.01625 / std::sqrt(kSets)) << keys;
  }
}

// The keys of one node lie in its arcs of the ring, which is what the top bits of their hashes say.
TEST(DistinctCounter, CountsTheKeysOfOneNodeByTheHashThatChoseIt) {
  const std::vector<RingNode> nodes = {{"a"}, {"b"}, {"c"}};
  const VnodeRing ring(1, nodes);
  std::vector<DistinctCounter> counters(nodes.size());
  std::vector<double> exact(nodes.size());
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t hash = HashOf("user:" + std::to_string(i));
    counters[ring.Pick(hash)].Add(hash);
    ++exact[ring.Pick(hash)];
  }
  for (size_t node = 0; node < nodes.size(); ++node) {
    EXPECT_NEAR(counters[node].Estimate() / exact[node], 1, 0.05) << nodes[node].name;
  }
}

TEST(DistinctCounter, TakesFourKibibytes) {
  EXPECT_EQ(sizeof(DistinctCounter), 4096U);
}

}  // namespace
}  // namespace ringproxy::ring
