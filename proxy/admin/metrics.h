// proxy/admin/metrics.h – What the workers counted, as Prometheus text. The only door to prometheus-cpp.
//
// Names and labels are a contract (conf/grafana and operators' alerts rest on them). A node statistic is one row in
// metrics.cc.
// Threads: the control loop's; reads the workers' relaxed counters. Lifetime: snapshot and stats outlive it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/net/memory_budget.h"
#include "proxy/control/health_monitor.h"
#include "proxy/control/worker_stats.h"
#include "proxy/guard/shared_limits.h"

namespace ringproxy::proxy {

// Each node's share of its ring, over all pools (by PoolSnapshot::first_node + node).
std::vector<double> RingShares(const Snapshot& snapshot);

// The body of GET /metrics.
std::string MetricsText(const Snapshot& snapshot, AllStats workers, std::span<const double> ring_shares,
                        const HealthMonitor& health, const SharedLimits& limits, const net::ProcessMemory& memory);

// Whether the node is well as far as anybody knows, and every worker has a connection to it.
bool IsUp(AllStats workers, const HealthMonitor& health, uint32_t node);
// Whether requests reach the node: also while it is down, when too many are and the pool asks all of them.
bool IsUsable(AllStats workers, const HealthMonitor& health, uint32_t node);

}  // namespace ringproxy::proxy
