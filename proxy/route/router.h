// proxy/route/router.h – A key's way: prefix → pool → hash → node.
//
// Threads: pure functions of an immutable snapshot.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "backends/wire/request.h"
#include "proxy/route/snapshot.h"
#include "ring/hash.h"

namespace ringproxy::proxy {

struct NodeId {
  uint32_t pool = 0;
  ring::NodeIndex node = 0;
  bool operator==(const NodeId&) const = default;
};

inline uint64_t KeyHash(const PoolSnapshot& pool, std::string_view key) {
  return pool.hash(key);
}

[[gnu::always_inline]] inline uint32_t RoutePool(const ListenerSnapshot& listener, std::string_view key) {
  if (listener.routes.size() == 1) return listener.routes.front().pool;
  const ListenerSnapshot::Route* route = listener.routes.data();
  // Ends at the default route at the latest: every key starts with its empty prefix.
  while (!key.starts_with(route->prefix)) ++route;
  return route->pool;
}

// The key's owner, whether it is up or not.
inline NodeId RouteKey(const Snapshot& snapshot, const ListenerSnapshot& listener, std::string_view key) {
  const uint32_t pool = RoutePool(listener, key);
  const PoolSnapshot& routing = snapshot.pools[pool];
  return {pool, routing.ring->Pick(KeyHash(routing, key))};
}

// Whether two keys go the same way whatever happens to the nodes: one pool, and one hashed part.
inline bool RoutedAlike(const Snapshot& snapshot, const ListenerSnapshot& listener, std::string_view a,
                        std::string_view b) {
  const uint32_t pool = RoutePool(listener, a);
  const conf::KeyHasher& hash = snapshot.pools[pool].hash;
  return RoutePool(listener, b) == pool && hash.HashedPart(a) == hash.HashedPart(b);
}

// Of all these keys, by their places in the request, if they have one owner, whether it is up or not.
inline std::optional<NodeId> OneOwner(const Snapshot& snapshot, const ListenerSnapshot& listener,
                                      const wire::Request& request, std::span<const uint32_t> keys) {
  const NodeId owner = RouteKey(snapshot, listener, request[keys.front()]);
  const bool is_one = std::ranges::all_of(
      keys, [&](uint32_t position) { return RouteKey(snapshot, listener, request[position]) == owner; });
  return is_one ? std::optional(owner) : std::nullopt;
}

// How an error names a node beside another one: nodes of two pools may have one name.
inline std::string NameBeside(const Snapshot& snapshot, NodeId node, NodeId other) {
  const conf::Pool& pool = snapshot.config.pools[node.pool];
  const std::string& name = pool.nodes[node.node].name;
  return node.pool == other.pool ? name : name + " of pool " + pool.name;
}

}  // namespace ringproxy::proxy
