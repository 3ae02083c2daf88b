// proxy/control/worker_stats.h – All that one worker counts; written by it, read by the scraper.
//
// Threads: as backends/stats.h. Ownership: the process's; made before the worker, gone after the admin port.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "backends/stats.h"
#include "backends/wire/command.h"
#include "proxy/route/snapshot.h"
#include "proxy/session/session_stats.h"

namespace ringproxy::proxy {

struct WorkerStats {
  explicit WorkerStats(const Snapshot& snapshot)
      : errors(wire::kErrorCodes), pools(snapshot.config.pools.size()), nodes(snapshot.node_count) {
    for (size_t i = 0; i < snapshot.config.listeners.size(); ++i) listeners.emplace_back(wire::RedisCommands().size());
  }

  std::deque<ListenerStats> listeners;     // By listener.
  std::vector<backends::Counter> errors;   // By wire::ErrorCode.
  std::vector<PoolStats> pools;            // By pool.
  std::vector<backends::NodeStats> nodes;  // Over all pools: PoolSnapshot::first_node + node.
  backends::Counter stale_replies;         // For clients that had left.
  backends::Counter sessions;              // Open now.
};

}  // namespace ringproxy::proxy
