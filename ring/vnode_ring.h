// ring/vnode_ring.h – Consistent hashing with virtual nodes (Karger et al., STOC 1997), with absolute weights.
//
// A node of weight w stands on the ring with virtual_nodes * w points. The points of the node r1 are xxh3 of the texts
// "r1#0", "r1#1" and so on, whatever hash the keys take. A key belongs to the first point at or after its hash; past
// the last point, to the first. Hence:
//  - a node's points depend on its name alone: list order and addresses move no key;
//  - a node added or removed moves only the keys it gains or loses;
//  - another weight adds or removes only that node's last points.
// Points of equal value stand in the order of their nodes' names, so the first name owns the keys before them.
//
// Threads, promises: see ring.h. Memory: 14 to 16 bytes a point.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

// Twelve bytes, not the sixteen of a uint64_t and an index: the value's halves need no padding. The compiler joins them
// again to one load.
struct VnodePoint {
  uint32_t low, high;
  NodeIndex owner;

  uint64_t value() const { return uint64_t{high} << 32 | low; }
};

class VnodeRing final : public Ring {
 public:
  VnodeRing(uint32_t virtual_nodes, std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override { return points_[FirstPoint(hash)].owner; }
  // Clockwise from the key.
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  // The position of the first point at or after `hash`; the sentinel's when there is none.
  size_t FirstPoint(uint64_t hash) const;
  void BuildIndex();

  std::vector<VnodePoint> points_;  // Ascending; behind them a sentinel that the first point's owner owns: the wrap.
  std::vector<uint32_t> index_;     // By the hash's top bits: the first point with that prefix or a higher one.
  uint32_t shift_ = 0;              // hash >> shift_ is the prefix.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
