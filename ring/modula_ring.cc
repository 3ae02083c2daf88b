#include "ring/modula_ring.h"

namespace ringproxy::ring {

ModulaRing::ModulaRing(std::span<const RingNode> nodes) : node_count_(static_cast<uint32_t>(nodes.size())) {
  for (NodeIndex i = 0; i < nodes.size(); ++i) owners_.insert(owners_.end(), nodes[i].weight, i);
}

}  // namespace ringproxy::ring
