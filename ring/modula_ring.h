// ring/modula_ring.h – hash mod total weight. Even and fast, but a changed node list moves nearly every key: only for
// fleets that never change, and for those who come from such a layout.
//
// A node of weight w owns w consecutive residues, in list order: order and weights are part of the layout. With a node
// appended to N equal ones N/(N+1) of the keys move, of which it gains 1/(N+1).
//
// Two programs have a `modula`, and differ. libmemcached goes by the list and knows no weights; twemproxy sorts its
// servers by name, a shorter name first, equally long ones by their bytes. A list in the program's order gives the
// program's picks; a ring that sorted could not give libmemcached's.
//
// Threads, promises: see ring.h.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

class ModulaRing final : public Ring {
 public:
  explicit ModulaRing(std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override { return owners_[hash % owners_.size()]; }
  // The owner, then the nodes that follow it in the list.
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  std::vector<NodeIndex> owners_;  // By residue.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
