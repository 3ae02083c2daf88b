// conf/pool_ring.h – The ring of a pool as it is configured: what the proxy routes by and ringskew analyses.
//
// Threads: pure functions; a ring is immutable.
#pragma once

#include <memory>
#include <vector>

#include "conf/config.h"
#include "ring/ring.h"

namespace ringproxy::conf {

// Node i of the ring is node i of the pool.
std::vector<ring::RingNode> RingNodes(const Pool& pool);
ring::RingSpec SpecOf(const RingOptions& options);
std::unique_ptr<const ring::Ring> MakePoolRing(const Pool& pool);

}  // namespace ringproxy::conf
