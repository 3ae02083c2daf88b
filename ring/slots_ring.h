// ring/slots_ring.h – A table of 16,384 slots, each with an owner that the configuration names: the layout of Redis
// Cluster, and the one whose every move is the operator's.
//
// A key's slot is its hash modulo 16,384. With the hash crc16 (CRC-16/XMODEM) and the hash tag {} that is the slot
// which Redis Cluster gives to the key. Names, weights and list order have no part in who owns a slot.
//
// Threads, promises: see ring.h. Memory: 32 KiB, and 16 bytes a node.
#pragma once

#include <array>

#include "ring/rendezvous_ring.h"
#include "ring/ring.h"

namespace ringproxy::ring {

constexpr uint32_t kSlots = 16384;

class SlotsRing final : public Ring {
 public:
  // Requires: every slot lies in exactly one range of one node. A node may own none: it is about to get some.
  explicit SlotsRing(std::span<const RingNode> nodes);

  NodeIndex Pick(uint64_t hash) const override { return owners_[hash % kSlots]; }
  // After the owner the other nodes in the slot's rendezvous order: the slots of one node spread over all the others by
  // weight, and a node that comes or goes changes nothing between two others.
  void Walk(uint64_t hash, WalkVisitor visit) const override;
  uint32_t node_count() const override { return others_.node_count(); }

 private:
  std::array<uint16_t, kSlots> owners_;
  RendezvousRing others_;
};

}  // namespace ringproxy::ring
