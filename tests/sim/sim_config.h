// tests/sim/sim_config.h – The configuration of one simulated proxy, drawn from its seed.
#pragma once

#include "conf/config.h"
#include "tests/sim/own_keys.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

// That the clients of a run use, the plain one left out.
inline constexpr uint32_t kMostFlavours = 8;

inline constexpr uint16_t kFirstPort = 7001;
inline constexpr uint32_t kNodesOfAPool = 3;
inline constexpr conf::Protocol kProtocols[] = {conf::Protocol::kRedis, conf::Protocol::kMemcached};
inline constexpr uint16_t kFirstSpare = 7101;
inline constexpr uint32_t kMostWorkers = 2;
// Requests that all clients of the last round have under way at one node.
inline constexpr uint32_t kEnoughInFlight = 256;
inline constexpr uint32_t kNodes = kNodesOfAPool * std::size(kProtocols);

// One pool and its listener of each protocol, both with the protocol's number. Ports count up over all nodes.
// `has_proxies`: clients from 10.0.0.1 are behind a proxy, and begin with kProxyHeader.
conf::Config RandomConfig(SimLoop& loop, bool has_proxies);
inline constexpr std::string_view kProxyHeader = "PROXY TCP4 192.168.7.7 10.0.0.2 4711 6380\r\n";

// What another configuration may change while the proxy runs.
enum class Change : uint8_t {
  kOrder,  // Nodes, limits and the clients' limits change places or numbers; every key stays where it is.
  kKeys,   // Nodes come and go and weigh more or less, too.
};
// As `base`, changed at random. A node that comes is a pool's spare: n3, at kFirstSpare + the pool's number.
conf::Config ChangedConfig(SimLoop& loop, conf::Config base, Change change);

// What the pool's policies, and whether its keys move while it runs, leave of a client's own order.
Consistency ConsistencyOf(const conf::Pool& pool, bool keys_move);

}  // namespace ringproxy::sim
