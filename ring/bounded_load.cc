#include "ring/bounded_load.h"

#include <cassert>
#include <cmath>

namespace ringproxy::ring {

BoundedLoad::BoundedLoad(const Ring& ring, std::span<const RingNode> nodes, double bound)
    // In integers, for 10 * 1.1 in floating point is a little more than 11, and its ceiling 12.
    : ring_(ring), bound_thousandths_(static_cast<uint64_t>(std::llround(bound * 1000))) {
  assert(ring.node_count() == nodes.size());
  // With this bound and a weight of 1,000 the product in Limit fits 64 bits up to 10^10 requests under way.
  assert(bound_thousandths_ >= 1000 && bound_thousandths_ <= 1'000'000);
  for (const RingNode& node : nodes) {
    nodes_.push_back({.weight = node.weight});
    all_weights_ += node.weight;
  }
}

uint64_t BoundedLoad::Limit(NodeIndex node) const {
  const uint64_t divisor = all_weights_ * 1000;
  // Rounded up: rounded down, the limits of all nodes together may be no more than the total, and Pick finds no room.
  return ((total_ + 1) * bound_thousandths_ * nodes_[node].weight + divisor - 1) / divisor;
}

BoundedLoad::Choice BoundedLoad::Pick(uint64_t hash) const {
  Choice choice{ring_.Pick(hash), 0};
  // The owner is looked at apart from the walk, which allocates beyond its first node.
  if (HasRoom(choice.node)) return choice;
  uint32_t attempt = 0;
  ring_.Walk(hash, [&](NodeIndex node) {
    choice = {node, attempt++};
    return HasRoom(node);
  });
  return choice;
}

void BoundedLoad::Begin(NodeIndex node) {
  ++nodes_[node].load;
  ++total_;
}

void BoundedLoad::End(NodeIndex node) {
  assert(nodes_[node].load > 0);
  --nodes_[node].load;
  --total_;
}

}  // namespace ringproxy::ring
