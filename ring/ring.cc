#include "ring/ring.h"

#include <algorithm>
#include <cassert>

#include "ring/modula_ring.h"
#include "ring/vnode_ring.h"

namespace ringproxy::ring {

std::unique_ptr<const Ring> MakeRing(const RingSpec& spec, std::span<const RingNode> nodes) {
  // A node without a point would never be met: PickNth would walk for ever.
  assert(!nodes.empty() && spec.virtual_nodes > 0);
  assert(std::ranges::all_of(nodes, [](const RingNode& node) { return node.weight > 0; }));
  switch (spec.algorithm) {
    case Algorithm::kVnode: return std::make_unique<VnodeRing>(spec.virtual_nodes, nodes);
    case Algorithm::kModula: return std::make_unique<ModulaRing>(nodes);
    default: break;
  }
  return nullptr;
}

}  // namespace ringproxy::ring
