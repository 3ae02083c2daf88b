#include "tests/ring/sample.h"

#include "ring/hash.h"

namespace ringproxy::ring {

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

std::unique_ptr<const Ring> MakeVnodeRing(const Nodes& nodes) {
  return MakeRing({.virtual_nodes = kVirtualNodes}, nodes);
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

}  // namespace ringproxy::ring
