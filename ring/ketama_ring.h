// ring/ketama_ring.h – The weighted ketama of libmemcached and twemproxy, point for point, for those who come from
// there.
//
// A node of n has floor(w / W * points / 4 * n) * 4 points, in float arithmetic as both programs compute it; four of
// them come from one MD5 of "name-k". A key belongs to the first point at or above its 32-bit hash, past the last one
// to the first. The name is the address: `host:port`, or `host` alone when the port is 11211; twemproxy takes the
// node's own name instead where one is given. Points of equal value stand in the order of the nodes' list; both
// programs leave that to qsort (two of 80,000 points are equal). Weights are relative, so another node changes
// everybody's points: with uneven weights 4 to 6 % of the keys move for nothing. The ring vnode has absolute weights
// instead. Sources: libmemcached 1.1 hosts.cc, twemproxy 0.5 nc_ketama.c. Threads, promises: see ring.h. Memory: 8
// bytes a point.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

class KetamaRing final : public Ring {
 public:
  // `aliases`: as twemproxy, a node with a name of its own is called by that.
  KetamaRing(uint32_t points_per_node, std::span<const RingNode> nodes, bool aliases);

  // The low 32 bits of `hash` count.
  NodeIndex Pick(uint64_t hash) const override { return points_[FirstPoint(static_cast<uint32_t>(hash))].owner; }
  NodeIndex PickNth(uint64_t hash, uint32_t attempt) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  struct Point {
    uint32_t value;
    NodeIndex owner;
  };

  size_t FirstPoint(uint32_t hash) const;

  std::vector<Point> points_;  // Ascending.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
