// tests/sim/sim_config.h – The configuration of one simulated proxy, drawn from its seed.
#pragma once

#include "conf/config.h"
#include "tests/sim/own_keys.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

inline constexpr uint16_t kFirstPort = 7001;
inline constexpr uint32_t kNodesOfAPool = 3;
inline constexpr conf::Protocol kProtocols[] = {conf::Protocol::kRedis, conf::Protocol::kMemcached};
inline constexpr uint32_t kMostWorkers = 2;
inline constexpr uint32_t kNodes = kNodesOfAPool * std::size(kProtocols);

// One pool and its listener of each protocol, both with the protocol's number. Ports count up over all nodes.
conf::Config RandomConfig(SimLoop& loop);

// What the pool's policies leave of a client's own order.
Consistency ConsistencyOf(const conf::Pool& pool);

}  // namespace ringproxy::sim
