#include "tools/ringskew/change_trial.h"

#include <gtest/gtest.h>

namespace ringproxy::ringskew {
namespace {

// A change of one field.
template <typename Field, typename Value>
Change With(Field Change::*field, Value value) {
  Change change;
  change.*field = {std::move(value)};
  return change;
}

// A pool and what becomes of it, thrown the same keys.
struct Comparison {
  Comparison(std::string_view nodes, const Change& change)
      : before(MakeTopology(*PoolOfNodes(nodes))),
        after(MakeTopology(*Changed(before.pool, change))),
        trial(before.pool, change) {}

  void Add(const std::vector<std::string>& keys, double requests) {
    KeyBatch batch{};
    OwnerBatch owners{};
    ASSERT_LE(keys.size(), KeyBatch::kMost);
    for (size_t i = 0; i < keys.size(); ++i) {
      trial.Hash(i, keys[i]);
      batch.identities[i] = ring::Hash(ring::HashAlgorithm::kXxh3, keys[i]);
      batch.requests[i] = requests;
      owners[i] = before.Owner(before.hasher(keys[i]));
      ++report.keys;
      report.requests += requests;
      if (Moves(keys[i])) ++moved;
    }
    trial.Add(batch, keys.size(), owners);
  }
  bool Moves(const std::string& key) const { return NameIn(before, key) != NameIn(after, key); }
  static const std::string& NameIn(const Topology& topology, const std::string& key) {
    return topology.pool.nodes[topology.Owner(topology.hasher(key))].name;
  }
  ChangeReport Found() const { return trial.MakeReport(report, before); }

  Topology before;
  Topology after;
  ChangeTrial trial;
  Report report;
  uint64_t moved = 0;
};

std::vector<std::string> Keys(int first, int count) {
  std::vector<std::string> keys;
  for (int i = first; i < first + count; ++i) keys.push_back("key:" + std::to_string(i));
  return keys;
}

TEST(ChangeTrial, CountsTheKeysWhoseNodeChangesWhateverTheirPlaceInThePool) {
  for (const Change& change : {With(&Change::add, "d"), With(&Change::remove, "a"), With(&Change::weight, "b=3"),
                               With(&Change::algorithm, ring::Algorithm::kKetama)}) {
    Comparison comparison("a,b,c", change);
    for (int batch = 0; batch < 50; ++batch) comparison.Add(Keys(batch * 64, 64), 2);
    comparison.Add(Keys(5'000, 7), 2);
    const ChangeReport found = comparison.Found();
    EXPECT_EQ(found.what, change.ToString());
    EXPECT_GT(comparison.moved, 0U) << found.what;
    EXPECT_EQ(found.extra_misses, comparison.moved) << found.what;
    EXPECT_DOUBLE_EQ(found.moved_keys, static_cast<double>(comparison.moved) / 3'207) << found.what;
    EXPECT_DOUBLE_EQ(found.moved_requests, found.moved_keys) << found.what;
    EXPECT_FALSE(found.misplaced) << found.what;
  }
}

TEST(ChangeTrial, KnowsTheLeastThatHasToMove) {
  EXPECT_NEAR(Comparison("a,b,c", With(&Change::add, "d")).Found().least_moved, 0.25, 1e-9);
  EXPECT_NEAR(Comparison("a,b,c,d", With(&Change::remove, "b")).Found().least_moved, 0.25, 1e-9);
  EXPECT_NEAR(Comparison("a,b", With(&Change::weight, "b=3")).Found().least_moved, 0.25, 1e-9);
  EXPECT_NEAR(Comparison("a,b", With(&Change::virtual_nodes, 16U)).Found().least_moved, 0, 1e-9);
}

TEST(ChangeTrial, EstimatesHowManyDistinctKeysMoveWhenKeysRepeat) {
  Comparison comparison("a,b,c", With(&Change::add, "d"));
  for (int round = 0; round < 20; ++round) comparison.Add(Keys(0, 64), 1);
  comparison.report.keys_repeat = true;
  comparison.report.distinct_keys = 64;
  EXPECT_NEAR(static_cast<double>(comparison.Found().extra_misses), static_cast<double>(comparison.moved) / 20, 1);
}

TEST(ChangeTrial, CountsTheKeysOfAScanThatItsRingWouldNotFind) {
  Comparison comparison("a,b,c", With(&Change::remove, "a"));
  uint64_t lost = 0;
  for (const std::string& key : Keys(0, 300)) {
    const uint32_t holder = comparison.before.Owner(comparison.before.hasher(key));
    comparison.trial.AddHeld({.key = key, .holder = holder});
    lost += comparison.Moves(key) ? 1 : 0;
  }
  comparison.report.misplaced.emplace();
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(comparison.Found().misplaced, lost);
}

}  // namespace
}  // namespace ringproxy::ringskew
