#include "tools/ringskew/rehash_trial.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

namespace ringproxy::ringskew {
namespace {

// Throws numbered keys at the pool and at the trial, and compares with the pool that it tries.
void ExpectWhatThatPoolWouldGet(const conf::Pool& pool, const std::function<std::string(int)>& key) {
  RehashTrial trial(pool);
  const Topology base = MakeTopology(pool);
  std::vector<double> loads(pool.nodes.size());
  for (int i = 0; i < 500; ++i) {
    const uint64_t hash = base.hasher(key(i));
    trial.Add(key(i), hash, i);
    loads[base.Owner(hash)] += i;
  }
  const auto result = trial.Result(loads);
  ASSERT_TRUE(result);
  conf::Pool changed = pool;
  changed.ring = result->ring;
  const Topology after = MakeTopology(changed);
  std::vector<double> expected(pool.nodes.size());
  double moved = 0;
  for (int i = 0; i < 500; ++i) {
    const ring::NodeIndex owner = after.Owner(after.hasher(key(i)));
    expected[owner] += i;
    if (owner != base.Owner(base.hasher(key(i)))) moved += i;
  }
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(result->outcome.loads[i], expected[i], 1e-6);
  EXPECT_NEAR(result->outcome.moved, moved / std::accumulate(loads.begin(), loads.end(), 0.0), 1e-9);
  EXPECT_GT(moved, 0);
}

TEST(RehashTrial, TriesWholeKeysWhereSomeHaveATag) {
  ExpectWhatThatPoolWouldGet(*PoolOfNodes("a,b,c"), [](int i) {
    return (i % 2 == 0 ? "{group" + std::to_string(i % 6) + "}" : "") + std::to_string(i);
  });
}

TEST(RehashTrial, TriesAHashThatSpreadsAnyKeys) {
  conf::Pool pool = *PoolOfNodes("a,b,c");
  pool.ring.algorithm = ring::Algorithm::kTwemproxy;
  pool.ring.hash = ring::HashAlgorithm::kFnv1a64;
  EXPECT_EQ(BetterHash(pool.ring), ring::HashAlgorithm::kMd5);
  ExpectWhatThatPoolWouldGet(pool, [](int i) { return "key:" + std::to_string(i); });
}

TEST(RehashTrial, TriesNothingWhereNothingCouldBeBetter) {
  conf::Pool pool = *PoolOfNodes("a,b");
  pool.ring.hash_tag = "";
  EXPECT_FALSE(RehashTrial(pool).Result({1, 1}));
}

}  // namespace
}  // namespace ringproxy::ringskew
