// ring/rendezvous_ring.h – Rendezvous hashing (Thaler and Ravishankar, 1998), weighted by the logarithmic method: every
// node draws a number for a key, and the best draw owns it.
//
// The draw of a node and a key's hash is u = Mix(hash ^ xxh3 of the name), read as a fraction between 0 and 1. The node
// with the least -log2(u) / weight wins: the first of so many exponential clocks to ring, each as fast as its node's
// weight, so every node wins its weight's share exactly. Hence:
//  - list order and addresses move no key;
//  - a node added, removed or reweighted moves only the keys that it gains or loses;
//  - the second choice is the owner that the key would have without the first, and so on;
//  - a pick looks at every node: for short lists only.
//
// Threads, promises: see ring.h. Equal on every host: the logarithm is made of integers alone, since libraries differ
// in the last bit of theirs, and compilers in whether they fuse a product and a sum. Memory: 16 bytes a node.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

// -log2 of draw / 2^64 in units of 2^-57, never rising. It is off by 2.5e-4 of itself and two units at the most, and no
// node's share is off by more than that part of it.
uint64_t NegativeLog2(uint64_t draw);

class RendezvousRing final : public Ring {
 public:
  explicit RendezvousRing(std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override;
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return static_cast<uint32_t>(nodes_.size()); }

 private:
  struct WeightedNode {
    uint64_t name_hash;
    uint32_t weight;
    NodeIndex index;
  };

  struct Draw;

  std::vector<Draw> Draws(uint64_t hash) const;

  // By weight, then by name: two names of equal hash draw the same, and the first one wins.
  std::vector<WeightedNode> nodes_;
};

}  // namespace ringproxy::ring
