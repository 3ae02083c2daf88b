#include "ring/maglev_ring.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ring/hash.h"
#include "tests/ring/sample.h"

namespace ringproxy::ring {
namespace {

// The owner of every entry: of the hashes of an entry the least is asked for.
std::vector<NodeIndex> Entries(const MaglevRing& ring, uint32_t table_size) {
  std::vector<NodeIndex> entries;
  for (uint64_t entry = 0; entry < table_size; ++entry) {
    entries.push_back(ring.Pick(((entry << 32) + table_size - 1) / table_size << 32));
  }
  return entries;
}

std::vector<uint32_t> EntryCounts(uint32_t table_size, const Nodes& nodes) {
  std::vector<uint32_t> counts(nodes.size());
  for (const NodeIndex owner : Entries(MaglevRing(table_size, nodes), table_size)) ++counts[owner];
  return counts;
}

// The first name that starts with `prefix` and has this order in a table of seven.
std::string NameWith(const std::string& prefix, uint64_t offset, uint64_t skip) {
  for (uint32_t i = 0;; ++i) {
    const std::string name = prefix + std::to_string(i);
    const uint64_t hash = Hash(HashAlgorithm::kXxh3, name);
    if ((hash >> 32) % 7 == offset && (hash & UINT32_MAX) % 6 + 1 == skip) return name;
  }
}

TEST(MaglevRing, FillsTheTableOfThePapersExample) {
  const Nodes nodes = {{NameWith("B0-", 3, 4)}, {NameWith("B1-", 0, 2)}, {NameWith("B2-", 3, 1)}};
  EXPECT_EQ(Entries(MaglevRing(7, nodes), 7), (std::vector<NodeIndex>{1, 0, 1, 0, 2, 2, 0}));
  const Nodes without_second = {nodes[0], nodes[2]};
  EXPECT_EQ(Entries(MaglevRing(7, without_second), 7), (std::vector<NodeIndex>{0, 0, 0, 0, 1, 1, 1}));
}

TEST(MaglevRing, GivesEqualNodesEqualNumbersOfEntriesOrOneMore) {
  for (const uint32_t count : {1, 2, 3, 10, 100, 1000}) {
    for (const uint32_t entries : EntryCounts(65537, EqualNodes(count))) {
      EXPECT_GE(entries, 65537 / count);
      EXPECT_LE(entries, 65537 / count + 1);
    }
  }
}

TEST(MaglevRing, GivesEveryNodeItsWeightsShareOfTheEntriesGiveOrTakeTwo) {
  for (const Nodes& nodes : {WeightedNodes(), Nodes{{"small", 1}, {"large", 1000}}, Nodes{{"a", 7}, {"b", 5}}}) {
    const std::vector<uint32_t> counts = EntryCounts(65537, nodes);
    double weights = 0;
    for (const RingNode& node : nodes) weights += node.weight;
    for (size_t i = 0; i < nodes.size(); ++i) EXPECT_NEAR(counts[i], 65537 * nodes[i].weight / weights, 2);
  }
}

TEST(MaglevRing, GivesAnEntryToEveryNodeHoweverLightItIs) {
  Nodes nodes = EqualNodes(101);
  nodes[50].weight = 1000;
  for (const uint32_t entries : EntryCounts(101, nodes)) EXPECT_EQ(entries, 1U);
}

TEST(MaglevRing, SpreadsKeysByWeight) {
  ExpectSharesByWeight(Algorithm::kMaglev, WeightedNodes());
  ExpectSharesByWeight(Algorithm::kMaglev, EqualNodes(100));
}

// semantics.md 32: the name is the identity, not the place in the list.
TEST(MaglevRing, PicksTheSameNodesInWhateverOrderTheyAreListed) {
  ExpectSamePicksInEveryOrder(Algorithm::kMaglev, WeightedNodes());
}

struct Change {
  Nodes nodes;
  uint32_t weight;  // Of the node that is added and removed.
};

// The excess that the header tells of.
TEST(MaglevRing, MovesAtMostSixInAThousandKeysNeedlesslyWhenANodeIsAddedOrRemoved) {
  const Change changes[] = {{EqualNodes(3), 1},   {EqualNodes(10), 1},  {EqualNodes(50), 1},
                            {EqualNodes(100), 1}, {WeightedNodes(), 1}, {WeightedNodes(), 4}};
  for (const auto& [nodes, weight] : changes) {
    Nodes more = nodes;
    more.insert(more.begin() + 1, {"new", weight});
    const uint32_t owned = CountOwned(Algorithm::kMaglev, more, "new");
    for (const Moves& moves :
         {CountMoves(Algorithm::kMaglev, nodes, more, "new"), CountMoves(Algorithm::kMaglev, more, nodes, "new")}) {
      EXPECT_EQ(moves.needed, owned);
      EXPECT_LE(moves.needless, kKeys * 0.006) << nodes.size() << " nodes and one of weight " << weight;
    }
  }
}

TEST(MaglevRing, MovesFewerKeysNeedlesslyWithALargerTable) {
  const auto moved = [](uint32_t table_size) {
    const MaglevRing before(table_size, EqualNodes(50)), after(table_size, EqualNodes(51));
    return std::ranges::count_if(
        KeyHashes(), [&](uint64_t hash) { return after.Pick(hash) != 50 && after.Pick(hash) != before.Pick(hash); });
  };
  EXPECT_LT(moved(655373) * 4, moved(65537));
}

TEST(MaglevRing, FallsBackToTheOwnersOfTheEntriesThatFollow) {
  const Nodes nodes = WeightedNodes();
  const MaglevRing ring(251, nodes);
  const std::vector<NodeIndex> entries = Entries(ring, 251);
  for (uint64_t first : {0, 1, 100, 250}) {
    const uint64_t hash = ((first << 32) + 250) / 251 << 32;
    std::vector<NodeIndex> expected;
    for (uint64_t entry = first; expected.size() < nodes.size(); entry = (entry + 1) % 251) {
      if (std::ranges::find(expected, entries[entry]) == expected.end()) expected.push_back(entries[entry]);
    }
    for (uint32_t attempt = 0; attempt < nodes.size(); ++attempt) {
      EXPECT_EQ(ring.PickNth(hash, attempt), expected[attempt]);
    }
  }
}

TEST(IsPrime, KnowsThePrimesFromTheirProducts) {
  for (const uint32_t prime : {2U, 3U, 5U, 7U, 251U, 65521U, 65537U, 655373U, 5000011U, 4294967291U}) {
    EXPECT_TRUE(IsPrime(prime)) << prime;
  }
  for (const uint32_t other : {0U, 1U, 4U, 9U, 65535U, 65536U, 65539U * 3, 65521U * 65537U, UINT32_MAX}) {
    EXPECT_FALSE(IsPrime(other)) << other;
  }
}

}  // namespace
}  // namespace ringproxy::ring
