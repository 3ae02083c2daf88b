#include "ring/ring.h"

#include <algorithm>
#include <cassert>

#include "ring/jump_ring.h"
#include "ring/ketama_ring.h"
#include "ring/maglev_ring.h"
#include "ring/modula_ring.h"
#include "ring/rendezvous_ring.h"
#include "ring/slots_ring.h"
#include "ring/vnode_ring.h"

namespace ringproxy::ring {

NodeIndex Ring::PickNth(uint64_t hash, uint32_t attempt) const {
  assert(attempt < node_count());
  NodeIndex choice = 0;
  Walk(hash, [&](NodeIndex node) {
    choice = node;
    return attempt-- == 0;
  });
  return choice;
}

std::unique_ptr<const Ring> MakeRing(const RingSpec& spec, std::span<const RingNode> nodes) {
  // A node without a point would never be met: Walk would not end.
  assert(!nodes.empty() && spec.virtual_nodes > 0);
  assert(std::ranges::all_of(nodes, [](const RingNode& node) { return node.weight > 0; }));
  // There is no default, so that the compiler names an algorithm that nobody makes.
  switch (spec.algorithm) {
    case Algorithm::kVnode: return std::make_unique<VnodeRing>(spec.virtual_nodes, nodes);
    case Algorithm::kKetama: return std::make_unique<KetamaRing>(KetamaKind::kLibmemcached, spec.virtual_nodes, nodes);
    case Algorithm::kKetamaUnweighted: return std::make_unique<KetamaRing>(spec.point_hash, spec.virtual_nodes, nodes);
    case Algorithm::kTwemproxy: return std::make_unique<KetamaRing>(KetamaKind::kTwemproxy, spec.virtual_nodes, nodes);
    case Algorithm::kMaglev: return std::make_unique<MaglevRing>(spec.table_size, nodes);
    case Algorithm::kJump: return std::make_unique<JumpRing>(nodes);
    case Algorithm::kRendezvous: return std::make_unique<RendezvousRing>(nodes);
    case Algorithm::kModula: return std::make_unique<ModulaRing>(nodes);
    case Algorithm::kSlots: return std::make_unique<SlotsRing>(nodes);
  }
  return nullptr;
}

}  // namespace ringproxy::ring
