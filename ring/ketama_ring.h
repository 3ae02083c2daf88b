// ring/ketama_ring.h – Weighted ketama, point for point as libmemcached 1.1 (MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED) and
// twemproxy 0.5 (distribution: ketama) have it, for those who come from there: their keys stay where they are.
//
// A node has PointsOf(…) points; each MD5 of "name-0", "name-1" … gives four, its little-endian words. A key belongs to
// the first point at or above the low 32 bits of its hash; past the last point, to the first. libmemcached hashes keys
// with md5, twemproxy with whatever its pool says. The programs differ in two things:
//
//                                        libmemcached               twemproxy
//   a node is called                     by its address             by its alias, without one by its address
//   an address is                        host:port                  host:port
//     at port 11211                      host                       host
//     of a Unix socket                   path:0                     path:  (a colon and no port)
//   points of equal value (2 of 80,000)
//   stand in the order of                the list                   their nodes' names, a shorter name first
//
// Hence twemproxy's list order moves no key: it sorts its servers when it reads them. In libmemcached the order is what
// qsort leaves, which is the list's with glibc's merge sort. A name above 80 bytes overruns a buffer of twemproxy's;
// nobody can say where its points lie, and here they lie where the whole name puts them.
//
// Weights are relative, so a node added or removed changes everybody's points: with weights 1 to 4, 4 to 6 % of the
// keys move for nothing (vnode_ring: none). A node of very little weight gets no point and so no key.
//
// Threads, promises: see ring.h. Memory: 8 bytes a point.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

enum class KetamaKind : uint8_t { kLibmemcached, kTwemproxy };

class KetamaRing final : public Ring {
 public:
  // points_per_node is 160 in both programs. Requires: PointsOf the heaviest node is not 0.
  KetamaRing(KetamaKind kind, uint32_t points_per_node, std::span<const RingNode> nodes);

  // libmemcached's ketama without weights (MEMCACHED_BEHAVIOR_KETAMA, which is its consistent distribution): each node
  // has points_per_node points, there 100, the hashes of "name-0", "name-1" … by the hash that keys have too.
  KetamaRing(HashAlgorithm hash, uint32_t points_per_node, std::span<const RingNode> nodes);

  // What a node is called: see the table above.
  static std::string PointName(KetamaKind kind, const RingNode& node);
  // How many points a node has: w / W * points_per_node * nodes, in float as the programs compute it and rounded down
  // to a multiple of four. So each of 25 equal nodes has 156 points, not 160.
  static uint32_t PointsOf(uint32_t weight, uint64_t total_weight, uint32_t points_per_node, size_t nodes);

  NodeIndex Pick(uint64_t hash) const override { return points_[FirstPoint(static_cast<uint32_t>(hash))].owner; }
  // Up from the key; nodes without a point come last, as listed.
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  struct Point {
    uint32_t value;
    NodeIndex owner;
  };

  // The position of the first point at or above `hash`, wrapped.
  size_t FirstPoint(uint32_t hash) const;

  std::vector<Point> points_;  // Ascending.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
