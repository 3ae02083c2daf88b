// ring/jump_ring.h – Jump consistent hash (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm",
// 2014): buckets in a row, each with the same share, and a new last one takes its keys evenly from all.
//
// A node of weight w is w consecutive buckets, in list order. Order and weights are the layout, and names are not:
//  - a node appended to the list, or more weight for the last node, moves only the keys that it gains; the last node
//    removed or made lighter, only those that it loses;
//  - any other change shifts the buckets behind it, and moves the keys of all of them. For lists that change elsewhere
//    than at their end the vnode ring is the right one.
//
// Threads, promises: see ring.h. Memory: four bytes a unit of weight.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

// The bucket of `key` among `buckets`, at least one of them, exactly as published.
uint32_t JumpHash(uint64_t key, uint32_t buckets);

class JumpRing final : public Ring {
 public:
  explicit JumpRing(std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override { return owners_[JumpHash(hash, bucket_count())]; }
  // Jumps again with other hashes made of this one until a node not yet met comes up, so that second choices have
  // their weights' shares too, and move as little when the list grows.
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  uint32_t bucket_count() const { return static_cast<uint32_t>(owners_.size()); }

  std::vector<NodeIndex> owners_;  // By bucket.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
