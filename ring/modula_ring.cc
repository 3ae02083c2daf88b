#include "ring/modula_ring.h"

namespace ringproxy::ring {

// One entry a unit of weight makes a pick one remainder and one load, whatever the weights are.
ModulaRing::ModulaRing(std::span<const RingNode> nodes) : node_count_(static_cast<uint32_t>(nodes.size())) {
  for (NodeIndex i = 0; i < nodes.size(); ++i) owners_.insert(owners_.end(), nodes[i].weight, i);
}

void ModulaRing::Walk(uint64_t hash, WalkVisitor visit) const {
  const NodeIndex first = Pick(hash);
  for (uint32_t i = 0; i < node_count_; ++i) {
    if (visit((first + i) % node_count_)) return;
  }
}

}  // namespace ringproxy::ring
