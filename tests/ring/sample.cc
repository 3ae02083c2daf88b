#include "tests/ring/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "ring/hash.h"
#include "ring/slots_ring.h"

namespace ringproxy::ring {
namespace {

uint32_t TotalWeight(const Nodes& nodes) {
  uint32_t weights = 0;
  for (const RingNode& node : nodes) weights += node.weight;
  return weights;
}

}  // namespace

const std::vector<uint64_t>& KeyHashes() {
  static const std::vector<uint64_t> kHashes = [] {
    std::vector<uint64_t> hashes;
    for (uint32_t i = 0; i < kKeys; ++i) hashes.push_back(Hash(HashAlgorithm::kXxh3, "key:" + std::to_string(i)));
    return hashes;
  }();
  return kHashes;
}

Nodes EqualNodes(uint32_t count, const std::string& prefix) {
  Nodes nodes;
  for (uint32_t i = 0; i < count; ++i) nodes.push_back({prefix + std::to_string(10 + i), 1});
  return nodes;
}

Nodes WeightedNodes() {
  Nodes nodes = EqualNodes(10);
  for (uint32_t i = 0; i < nodes.size(); ++i) nodes[i].weight = 1U << (i % 3);
  return nodes;
}

Nodes WithSlots(Nodes nodes) {
  const uint32_t weights = TotalWeight(nodes);
  uint32_t before = 0;
  for (RingNode& node : nodes) {
    const uint32_t first = before * kSlots / weights;
    before += node.weight;
    node.slots = {{static_cast<uint16_t>(first), static_cast<uint16_t>(before * kSlots / weights - 1)}};
  }
  return nodes;
}

std::unique_ptr<const Ring> MakeVnodeRing(const Nodes& nodes) {
  return MakeRing({Algorithm::kVnode, kVirtualNodes}, nodes);
}

std::vector<std::string> Owners(Algorithm algorithm, const Nodes& nodes) {
  const auto ring = MakeRing({algorithm, kVirtualNodes}, nodes);
  std::vector<std::string> owners;
  for (const uint64_t hash : KeyHashes()) owners.push_back(nodes[ring->Pick(hash)].name);
  return owners;
}

std::vector<uint32_t> KeyCounts(const Ring& ring) {
  std::vector<uint32_t> counts(ring.node_count());
  for (const uint64_t hash : KeyHashes()) ++counts[ring.Pick(hash)];
  return counts;
}

double SamplingError(double fair) {
  return 4 * std::sqrt(fair * (1 - fair) / kKeys);
}

void ExpectSharesByWeight(Algorithm algorithm, const Nodes& nodes) {
  const std::vector<uint32_t> counts = KeyCounts(*MakeRing({algorithm}, nodes));
  for (uint32_t i = 0; i < nodes.size(); ++i) {
    const double fair = static_cast<double>(nodes[i].weight) / TotalWeight(nodes);
    EXPECT_NEAR(static_cast<double>(counts[i]) / kKeys, fair, SamplingError(fair)) << nodes[i].name;
  }
}

Moves CountMoves(Algorithm algorithm, const Nodes& before, const Nodes& after, const std::string& changed) {
  const auto old_owners = Owners(algorithm, before);
  const auto new_owners = Owners(algorithm, after);
  Moves moves;
  for (uint32_t i = 0; i < kKeys; ++i) {
    if (old_owners[i] == new_owners[i]) continue;
    ++(old_owners[i] == changed || new_owners[i] == changed ? moves.needed : moves.needless);
  }
  return moves;
}

uint32_t CountOwned(Algorithm algorithm, const Nodes& nodes, const std::string& name) {
  return static_cast<uint32_t>(std::ranges::count(Owners(algorithm, nodes), name));
}

void ExpectSamePicksInEveryOrder(Algorithm algorithm, Nodes nodes) {
  const auto before = Owners(algorithm, nodes);
  std::mt19937 random(2);
  for (int i = 0; i < 3; ++i) {
    std::ranges::shuffle(nodes, random);
    EXPECT_EQ(Owners(algorithm, nodes), before);
  }
}

}  // namespace ringproxy::ring
