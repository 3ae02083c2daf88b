// ring/maglev_ring.h – Maglev hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer",
// NSDI 2016, section 3.4): a table whose entries the nodes fill in turns, each in an order of its own.
//
// A node's order of the table's entries is offset, offset + skip, offset + 2 skip … modulo the table's size, a prime.
// Both come from xxh3 of its name: offset from the upper 32 bits, skip from the lower ones. The nodes take their turns
// in the order of their names, and of r rounds a node of weight w takes part in ceil(r * w / the greatest weight).
// A key's entry is the upper half of its hash, scaled to the table. Hence:
//  - shares are all but exact: equal nodes differ by one entry, others are within two of their weights' shares;
//  - list order and addresses move no key;
//  - a node added or removed moves some keys between two others: of 3 to 100 nodes, of equal weights or not, 0.2 to
//    0.6 % of all keys at 65,537 entries. A larger table moves fewer. (The vnode ring moves none; its shares are less
//    even.) Another size of the table moves nearly every key.
//
// Threads, promises: see ring.h. Memory: two bytes an entry.
#pragma once

#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

bool IsPrime(uint32_t number);

class MaglevRing final : public Ring {
 public:
  // Requires: table_size is prime and not below the number of nodes, of which there are fewer than 65,536.
  MaglevRing(uint32_t table_size, std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override { return owners_[Entry(hash)]; }
  // The owners of the entries that follow.
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return node_count_; }

 private:
  // A multiplication, where the paper's hash modulo size would take a division (Lemire, "Fast random integer generation
  // in an interval", 2019).
  size_t Entry(uint64_t hash) const { return (hash >> 32) * owners_.size() >> 32; }

  std::vector<uint16_t> owners_;  // By entry. Half the size of NodeIndex: twice as many of them are in the cache.
  uint32_t node_count_;
};

}  // namespace ringproxy::ring
