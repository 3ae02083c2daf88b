// proxy/route/router.h – A key's way: prefix → pool → hash → node.
//
// Threads: pure functions of an immutable snapshot.
#pragma once

#include <string_view>

#include "proxy/route/snapshot.h"
#include "ring/hash.h"

namespace ringproxy::proxy {

struct Destination {
  uint32_t pool = 0;
  ring::NodeIndex node = 0;
  bool operator==(const Destination&) const = default;
};

inline uint64_t KeyHash(const PoolSnapshot& pool, std::string_view key) {
  return pool.hash(key);
}

inline Destination RouteKey(const Snapshot& snapshot, const ListenerSnapshot& listener, std::string_view key) {
  const ListenerSnapshot::Route* route = listener.routes.data();
  // Ends at the default route at the latest: every key starts with its empty prefix.
  while (!key.starts_with(route->prefix)) ++route;
  const PoolSnapshot& pool = snapshot.pools[route->pool];
  return {route->pool, pool.ring->Pick(KeyHash(pool, key))};
}

}  // namespace ringproxy::proxy
