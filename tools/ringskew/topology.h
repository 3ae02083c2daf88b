// tools/ringskew/topology.h – A pool and its ring, and the pool that it would become.
//
// Threads: values; a ring is immutable.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/pool_ring.h"
#include "conf/result.h"
#include "ring/hash.h"
#include "ring/ring.h"

namespace ringproxy::ringskew {

struct Topology {
  conf::Pool pool;
  std::shared_ptr<const ring::Ring> ring;
  conf::KeyHasher hasher;

  ring::NodeIndex Owner(uint64_t hash) const { return ring->Pick(hash); }
  std::vector<double> weights() const;
  // Of a ring with virtual nodes (HasVirtualNodes): what they take.
  uint64_t memory_bytes() const;
};

// vnode, ketama and twemproxy: the only rings whose evenness is a matter of a number.
bool HasVirtualNodes(ring::Algorithm algorithm);

// Of such a ring: the virtual nodes of all nodes together.
uint64_t PointsOf(const conf::Pool& pool);

// Requires: WhyNoRing is empty.
Topology MakeTopology(conf::Pool pool);

// What the rules of a configuration have against the pool's ring and nodes; nothing if it can be made.
std::optional<std::string> WhyNoRing(const conf::Pool& pool);

inline uint64_t KeyHash(const conf::Pool& pool, std::string_view key) {
  return conf::KeyHasher(pool)(key);
}

// A pool of the nodes "a,b=2,c": names, with the weight behind a '='.
conf::Result<conf::Pool, std::string> PoolOfNodes(std::string_view list);

// What --add, --remove, --weight, --algorithm and --virtual-nodes of a what-if say.
struct Change {
  std::vector<std::string> add;     // NAME or NAME=WEIGHT
  std::vector<std::string> remove;  // NAME
  std::vector<std::string> weight;  // NAME=WEIGHT
  std::optional<ring::Algorithm> algorithm;
  std::optional<uint32_t> virtual_nodes;

  bool empty() const { return add.empty() && remove.empty() && weight.empty() && !algorithm && !virtual_nodes; }
  // "add d, remove b": for headings.
  std::string ToString() const;
};

conf::Result<conf::Pool, std::string> Changed(conf::Pool pool, const Change& change);

}  // namespace ringproxy::ringskew
