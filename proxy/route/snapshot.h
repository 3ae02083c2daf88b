// proxy/route/snapshot.h – One immutable version of everything that decides where a key goes.
//
// Threads: shared by all workers as shared_ptr<const Snapshot>; never changes once made.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/health/node_registry.h"
#include "backends/wire/command.h"
#include "backends/wire/memcache_cas.h"
#include "conf/config.h"
#include "conf/pool_ring.h"
#include "proxy/route/scan_order.h"
#include "ring/ring.h"

namespace ringproxy::proxy {

class LimitRules;

struct PoolSnapshot {
  std::unique_ptr<const ring::Ring> ring;
  conf::KeyHasher hash;
  std::string hash_tag;
  std::vector<wire::CasTag> cas_tags;  // By node.
  bool moves_keys;                     // A key may go to another node than its owner: rehash, gutter, bounded loads.
  bool keeps_reads;                    // Until they are answered: retries or hedging.
  uint32_t gutter = 0;                 // The pool that takes a dead node's keys, with DownPolicy::kGutter.
  std::vector<std::shared_ptr<backends::NodeRecord>> nodes;  // By index in the ring.
};

class LearntCommands;

struct ListenerSnapshot {
  struct Route {
    std::string prefix;
    uint32_t pool;
  };
  std::vector<Route> routes;    // The longest prefix first; the default route, with no prefix, is the last.
  std::vector<uint32_t> pools;  // Distinct, in the order of the configuration: what a whole-fleet command reaches.
  ScanOrder scan_order;         // Of all their nodes.
  // What its nodes have told of; nullptr: it learns nothing, or has not yet.
  std::shared_ptr<const LearntCommands> learnt = nullptr;

  // Of a request whose command is not in the table; nullptr: there is no such command.
  const wire::CommandSpec* FindLearnt(std::string_view name) const;
  std::span<const wire::CommandSpec* const> learnt_rows() const;
};

struct Snapshot {
  uint64_t number = 0;  // From 1; no two of a process have the same.
  conf::Config config;
  std::vector<PoolSnapshot> pools;           // As config.pools.
  std::vector<ListenerSnapshot> listeners;   // As config.listeners.
  std::optional<uint32_t> limit_store;       // The pool of global_limits.store.
  std::shared_ptr<const LimitRules> limits;  // Compiled by SharedLimits.
};

// Builds the rings, and takes the nodes from the registry. Requires: a Config that conf/validate accepted.
std::shared_ptr<Snapshot> MakeSnapshot(conf::Config config, backends::NodeRegistry& registry);

// Whether a worker may go over from one to the other while it runs: the pools and the listeners are called the same, in
// the same order, and speak the same protocols. All that they say besides may differ.
bool MayFollow(const Snapshot& before, const Snapshot& after);

}  // namespace ringproxy::proxy
