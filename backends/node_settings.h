// backends/node_settings.h – What a connection needs to know of its node; one value a node and worker, kept as long as
// the node's connections live.
#pragma once

#include <string>

#include "backends/net/loop.h"
#include "backends/wire/memcache_cas.h"
#include "conf/config.h"

namespace ringproxy::backends {

struct NodeSettings {
  conf::Protocol protocol = conf::Protocol::kRedis;
  std::string pool;
  std::string node;
  net::Endpoint endpoint;
  conf::Auth auth;
  conf::Timeouts timeouts;
  conf::Reconnect reconnect;
  conf::NodeLimits limits;
  conf::Breaker breaker;
  conf::Concurrency concurrency;
  net::Duration check_timeout{0};  // 0 = nobody checks it.
  uint32_t flavours_per_node = 8;  // Beside the plain one.
  uint32_t pinned_per_node = 256;
  bool has_company = false;  // Its pool has other nodes.
  wire::CasTag cas_tag = 0;  // See CasTagsOf; of the links that speak memcached's binary protocol.
};

inline NodeSettings SettingsOf(const conf::Pool& pool, const conf::Node& node) {
  return {
      .protocol = pool.protocol,
      .pool = pool.name,
      .node = node.name,
      .endpoint = {node.address.host, node.address.port, node.address.unix_path, pool.keepalive},
      .auth = pool.auth,
      .timeouts = pool.timeouts,
      .reconnect = pool.reconnect,
      .limits = pool.limits,
      .breaker = pool.breaker,
      .concurrency = pool.concurrency,
      .check_timeout = pool.health.interval > conf::microseconds(0) ? pool.health.timeout : net::Duration(0),
      .flavours_per_node = pool.flavours_per_node,
      .pinned_per_node = pool.pinned_per_node,
      .has_company = pool.nodes.size() > 1,
  };
}

// Whether both lead to one server in one way: whoever was connected by the one may stay so by the other.
inline bool SameServer(const NodeSettings& a, const NodeSettings& b) {
  return a.protocol == b.protocol && a.auth == b.auth && a.endpoint.host == b.endpoint.host &&
         a.endpoint.port == b.endpoint.port && a.endpoint.unix_path == b.endpoint.unix_path;
}

}  // namespace ringproxy::backends
