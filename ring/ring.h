// ring/ring.h – Maps a key's hash to a node. Knows a node only as an index, a name and a weight.
//
// Threads: immutable once built; any number of threads may call at once.
// Promise: equal node lists give equal picks on every host and in every release. A changed pick is a lost cache, so
// tests/golden/ring pins many of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "ring/hash.h"

namespace ringproxy::ring {

using NodeIndex = uint32_t;

enum class Algorithm : uint8_t {
  kVnode,
  kKetama,
  kKetamaUnweighted,
  kTwemproxy,
  kMaglev,
  kJump,
  kRendezvous,
  kModula,
  kSlots
};

struct SlotRange {
  uint16_t first, last;  // Both inclusive, of the 16,384 slots.
};

struct RingNode {
  std::string name;                   // The node's identity: points are made from it, so a new address moves no key.
  uint32_t weight = 1;                // At least 1.
  std::string host = {};              // Ketama and twemproxy name a node without an alias by its address.
  uint16_t port = 0;                  //
  bool has_alias = false;             // The name was given, and is not just the address.
  std::vector<SlotRange> slots = {};  // Algorithm::kSlots only.
};

struct RingSpec {
  Algorithm algorithm = Algorithm::kVnode;
  uint32_t virtual_nodes = 1024;  // Points a unit of weight (vnode); points a node on average (ketama, twemproxy: 160).
  uint32_t table_size = 65537;    // Maglev's: a prime.
  HashAlgorithm point_hash = HashAlgorithm::kOneAtATime;  // Of kKetamaUnweighted: as that of its keys.
};

// Refers to a callable, which is called with each node of a walk until it returns true.
class WalkVisitor {
 public:
  template <typename Visit>
  WalkVisitor(Visit&& visit)  // NOLINT: a lambda is given where this is wanted.
      : visit_(&visit), call_([](void* self, NodeIndex node) -> bool {
          return (*static_cast<std::remove_reference_t<Visit>*>(self))(node);
        }) {}
  bool operator()(NodeIndex node) const { return call_(visit_, node); }

 private:
  void* visit_;
  bool (*call_)(void* self, NodeIndex node);
};

class Ring {
 public:
  virtual ~Ring() = default;
  // The owner of `hash`.
  virtual NodeIndex Pick(uint64_t hash) const = 0;
  // All nodes, each once, in the order in which they would take `hash`: the owner first. Beyond that one it allocates,
  // and a whole walk costs about as much as a look at every node.
  virtual void Walk(uint64_t hash, WalkVisitor visit) const = 0;
  // The attempt-th distinct choice for `hash`; attempt 0 is the owner. Requires: attempt < node_count().
  NodeIndex PickNth(uint64_t hash, uint32_t attempt) const;
  virtual uint32_t node_count() const = 0;
};

// Requires: nodes not empty, names distinct, weights and virtual_nodes at least 1, and what the header of the
// algorithm's ring asks for (conf/validate sees to it). Node index i of the ring is nodes[i].
std::unique_ptr<const Ring> MakeRing(const RingSpec& spec, std::span<const RingNode> nodes);

}  // namespace ringproxy::ring
