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

// Each node's share of its ring, by pool and node.
using RingShares = std::vector<std::vector<double>>;
RingShares MeasureRingShares(const Snapshot& snapshot);

// The body of GET /metrics. Of `nodes`, those that the snapshot does not name (any more) are shown by their counters
// alone.
std::string MetricsText(const Snapshot& snapshot, AllStats workers, const backends::NodeRegistry& nodes,
                        const RingShares& ring_shares, const SharedLimits& limits, const net::ProcessMemory& memory);

}  // namespace ringproxy::proxy
