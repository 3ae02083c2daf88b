#include "ring/ring.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/ring/sample.h"
#include "tests/support/golden.h"

namespace ringproxy::ring {
namespace {

// What every ring promises.
class EveryRing : public testing::TestWithParam<Algorithm> {
 protected:
  static std::unique_ptr<const Ring> Make(const Nodes& nodes) {
    return MakeRing({GetParam(), kVirtualNodes}, WithSlots(nodes));
  }
};

INSTANTIATE_TEST_SUITE_P(Algorithms, EveryRing,
                         testing::Values(Algorithm::kVnode, Algorithm::kKetama, Algorithm::kTwemproxy,
                                         Algorithm::kMaglev, Algorithm::kJump, Algorithm::kRendezvous,
                                         Algorithm::kModula, Algorithm::kSlots));

TEST_P(EveryRing, GivesEveryKeyToTheOnlyNode) {
  const auto ring = Make({{"only", 3}});
  EXPECT_EQ(KeyCounts(*ring), std::vector<uint32_t>{kKeys});
  EXPECT_EQ(ring->PickNth(UINT64_MAX, 0), 0U);
}

TEST_P(EveryRing, GivesEveryNodeAboutItsWeightsShare) {
  const Nodes nodes = WeightedNodes();
  uint32_t weights = 0;
  for (const RingNode& node : nodes) weights += node.weight;
  const std::vector<uint32_t> counts = KeyCounts(*Make(nodes));
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const double share = static_cast<double>(counts[i]) / kKeys;
    const double fair = static_cast<double>(nodes[i].weight) / weights;
    EXPECT_NEAR(share / fair, 1, 0.1) << nodes[i].name;
  }
}

TEST_P(EveryRing, ChoosesTheOwnerFirstAndThenEachOtherNodeOnce) {
  const Nodes nodes = WeightedNodes();
  const auto ring = Make(nodes);
  for (const uint64_t hash : {uint64_t{0}, UINT64_MAX, KeyHashes()[0], KeyHashes()[1], KeyHashes()[2]}) {
    std::set<NodeIndex> chosen;
    for (uint32_t attempt = 0; attempt < nodes.size(); ++attempt) chosen.insert(ring->PickNth(hash, attempt));
    EXPECT_EQ(chosen.size(), nodes.size());
    EXPECT_EQ(ring->PickNth(hash, 0), ring->Pick(hash));
  }
}

TEST_P(EveryRing, WalksOverTheChoicesUntilItIsTold) {
  const Nodes nodes = WeightedNodes();
  const auto ring = Make(nodes);
  for (uint32_t k = 0; k < 200; ++k) {
    const uint64_t hash = KeyHashes()[k];
    for (const size_t wanted : {size_t{1}, size_t{2}, nodes.size() / 2, nodes.size(), nodes.size() + 1}) {
      std::vector<NodeIndex> met;
      ring->Walk(hash, [&](NodeIndex node) {
        met.push_back(node);
        return met.size() == wanted;
      });
      ASSERT_EQ(met.size(), std::min(wanted, nodes.size()));
      for (uint32_t i = 0; i < met.size(); ++i) ASSERT_EQ(met[i], ring->PickNth(hash, i));
    }
  }
}

// Golden picks. The names have three letters on purpose: seeded hashes of such short names once fell together.
std::string PicksAsText(const Ring& ring) {
  constexpr uint32_t kInTheClear = 2000;
  constexpr uint32_t kPerLine = 40;
  std::string all, text;
  for (uint32_t i = 0; i < kKeys; ++i) {
    const std::string pick = std::to_string(ring.Pick(KeyHashes()[i]));
    all += pick + ' ';
    if (i < kInTheClear) text += pick + (i % kPerLine == kPerLine - 1 ? '\n' : ' ');
  }
  // FNV-1a written out again: a digest must not lean on the hash that it pins.
  uint64_t digest = 0xcbf29ce484222325;
  for (const char c : all) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return "node indices of key:0 to key:99999, digest " + std::to_string(digest) +
         "; of the first 2000 in the clear:\n" + text;
}

// Weighted nodes whose names and addresses both count: every other one at port 11211, every third with an alias.
Nodes KetamaNodes() {
  Nodes nodes = WeightedNodes();
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    nodes[i].host = "10.0.0." + std::to_string(i);
    nodes[i].port = i % 2 == 0 ? 11211 : 11212;
    nodes[i].has_alias = i % 3 == 0;
  }
  return nodes;
}

uint32_t PointsOf(Algorithm algorithm) {
  if (algorithm == Algorithm::kKetamaUnweighted) return 100;
  return algorithm == Algorithm::kKetama || algorithm == Algorithm::kTwemproxy ? 160 : kVirtualNodes;
}

// Those of ketama and twemproxy are written by tests/golden/ring/ketama_reference.py.
struct GoldenCase {
  const char* file;
  Algorithm algorithm;
  Nodes nodes;
};

class GoldenPicks : public testing::TestWithParam<GoldenCase> {};

INSTANTIATE_TEST_SUITE_P(
    Rings, GoldenPicks,
    testing::Values(GoldenCase{"vnode_3_equal", Algorithm::kVnode, EqualNodes(3)},
                    GoldenCase{"vnode_10_weighted", Algorithm::kVnode, WeightedNodes()},
                    GoldenCase{"vnode_100_equal", Algorithm::kVnode, EqualNodes(100)},
                    GoldenCase{"ketama_10_weighted", Algorithm::kKetama, KetamaNodes()},
                    GoldenCase{"ketama_100_equal", Algorithm::kKetama, EqualNodes(100)},
                    GoldenCase{"ketama_unweighted_10", Algorithm::kKetamaUnweighted, KetamaNodes()},
                    GoldenCase{"twemproxy_10_weighted", Algorithm::kTwemproxy, KetamaNodes()},
                    GoldenCase{"maglev_3_equal", Algorithm::kMaglev, EqualNodes(3)},
                    GoldenCase{"maglev_10_weighted", Algorithm::kMaglev, WeightedNodes()},
                    GoldenCase{"maglev_100_equal", Algorithm::kMaglev, EqualNodes(100)},
                    GoldenCase{"jump_3_equal", Algorithm::kJump, EqualNodes(3)},
                    GoldenCase{"jump_10_weighted", Algorithm::kJump, WeightedNodes()},
                    GoldenCase{"jump_100_equal", Algorithm::kJump, EqualNodes(100)},
                    GoldenCase{"rendezvous_3_equal", Algorithm::kRendezvous, EqualNodes(3)},
                    GoldenCase{"rendezvous_10_weighted", Algorithm::kRendezvous, WeightedNodes()},
                    GoldenCase{"rendezvous_100_equal", Algorithm::kRendezvous, EqualNodes(100)},
                    GoldenCase{"modula_3_equal", Algorithm::kModula, EqualNodes(3)},
                    GoldenCase{"modula_10_weighted", Algorithm::kModula, WeightedNodes()},
                    GoldenCase{"slots_10_weighted", Algorithm::kSlots, WithSlots(WeightedNodes())}),
    [](const auto& rings) { return rings.param.file; });

TEST_P(GoldenPicks, StayAsTheyWereReleased) {
  SCOPED_TRACE(
      "A failure means that keys have moved between nodes that did not change: whoever upgrades loses them from the "
      "cache, and two proxies of different versions send one key to two nodes. Mend the ring or the hash; write the "
      "file anew only for a node list or a ring that no release has had.");
  const auto ring = MakeRing({GetParam().algorithm, PointsOf(GetParam().algorithm)}, GetParam().nodes);
  test::ExpectGolden(std::string("tests/golden/ring/") + GetParam().file + ".txt", PicksAsText(*ring));
}

}  // namespace
}  // namespace ringproxy::ring
