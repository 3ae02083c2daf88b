// ring/vnode_ring.h – Consistent hashing with virtual nodes (Karger et al., STOC 1997), with absolute weights.
//
// A node of weight w stands on the ring with virtual_nodes * w points; point v of a node is xxh3(name, seed v). A key
// belongs to the first point at or after its hash, past the last point to the first. Hence:
//  - a node's points depend on its name alone: list order and addresses move no key;
//  - a node added or removed moves only the keys it gains or loses;
//  - another weight adds or removes only that node's last points.
// Points that fall together (once in about 2^64 / points^2 rings) are ordered by name.
// Threads, promises: see ring.h. Memory: 12 bytes a point and up to 256 KiB of index.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

class VnodeRing final : public Ring {
 public:
  VnodeRing(uint32_t virtual_nodes, std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override { return owners_[FirstPoint(hash)]; }
  NodeIndex PickNth(uint64_t hash, uint32_t attempt) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  // The position of the first point at or after `hash`, wrapped.
  size_t FirstPoint(uint64_t hash) const;
  void BuildIndex();

  std::vector<uint64_t> points_;   // Ascending, and one sentinel behind them.
  std::vector<NodeIndex> owners_;  // owners_[i] owns points_[i]; the sentinel's is the first point's: the wrap.
  std::vector<uint32_t> index_;    // By the hash's top bits: the first point with that prefix or a higher one.
  uint32_t shift_ = 0;             // hash >> shift_ is the prefix.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
