// ring/bounded_load.h – Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, SODA 2018; arXiv
// 1608.01350): a key goes to its owner unless that has more than its share of the load, else to the next choice.
//
// Right only where every node may serve every key: nodes that hold the same data, or caches that may miss. On a sharded
// store a key that is sent to its second choice is not found there, or is an old value.
//
// With `total` requests under way, a node of weight w may take another while it has fewer than
// ceil((total + 1) * bound * w / all weights) of them. A request that ends lowers the limit of all, so a node may for a
// while have more than its limit; it gets none until it has fewer. Pick always finds a node, since the limits of all
// together are above the total.
//
// Threads: one thread's, like the loads that it counts: a worker bounds its own requests. Lifetime: the ring outlives
// it. Memory: 16 bytes a node.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

class BoundedLoad {
 public:
  struct Choice {
    NodeIndex node;
    uint32_t attempt;  // Above 0: the key has spilled.
  };

  // Requires: `nodes` are the ring's; 1 <= bound <= 1,000, of which thousandths count.
  BoundedLoad(const Ring& ring, std::span<const RingNode> nodes, double bound);

  // Whether the node may take one request more.
  bool HasRoom(NodeIndex node) const { return nodes_[node].load < Limit(node); }
  // The first choice for `hash` that has room. It counts nothing: Begin does, once the request is really sent. Looks at
  // one choice for most keys; at a bound near 1 at many for some.
  Choice Pick(uint64_t hash) const;
  void Begin(NodeIndex node);
  void End(NodeIndex node);

  uint64_t load(NodeIndex node) const { return nodes_[node].load; }
  uint64_t total() const { return total_; }
  // The load that a node may have after it has taken the next request.
  uint64_t Limit(NodeIndex node) const;

 private:
  struct BoundedNode {
    uint64_t load = 0;
    uint64_t weight;
  };

  const Ring& ring_;
  std::vector<BoundedNode> nodes_;
  uint64_t bound_thousandths_;
  uint64_t all_weights_ = 0;
  uint64_t total_ = 0;
};

}  // namespace ringproxy::ring
