// proxy/control/worker_stats.h – All that one worker counts, but of the nodes and of the limits (see
// backends::NodeRecord and LimitRecord); written by it, read by the scraper.
//
// Threads: as backends/stats.h. Ownership: the process's; made before the worker, gone after the admin port.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "backends/stats.h"
#include "proxy/control/loop_stats.h"
#include "proxy/control/published.h"
#include "proxy/guard/limit_stats.h"
#include "proxy/guard/request_match.h"
#include "proxy/route/fanout.h"
#include "proxy/route/hot_keys.h"
#include "proxy/route/key_sizes.h"
#include "proxy/route/retrier.h"
#include "proxy/route/snapshot.h"
#include "proxy/session/session_stats.h"

namespace ringproxy::proxy {

// Bytes of memory, as of the last second.
struct MemoryStats {
  backends::Counter blocks_in_use;
  backends::Counter blocks_kept;  // For whoever needs one next.
  backends::Counter requests;     // Of blocks_in_use: what clients have sent and nobody has taken yet.
  backends::Counter replies;      // Of blocks_in_use: what clients have still to be given.
};

struct WorkerStats {
  explicit WorkerStats(const Snapshot& snapshot)
      : errors(wire::kErrorCodes), pools(snapshot.config.pools.size()), retries(snapshot.config.pools.size()) {
    for (size_t i = 0; i < snapshot.config.listeners.size(); ++i) {
      listeners.emplace_back(CommandCount(snapshot.config.listeners[i].protocol));
    }
  }

  std::deque<ListenerStats> listeners;    // By listener.
  std::vector<backends::Counter> errors;  // By wire::ErrorCode.
  std::vector<PoolStats> pools;           // By pool.
  std::vector<RetryStats> retries;        // By pool.
  ClientStats clients;
  PartialStats partial;
  MemoryStats memory;
  LoopStats loop;
  // Anew every second.
  Published<HotKeysView> hot_keys;
  Published<KeySizesView> key_sizes;
  Published<LeasesView> leases;
};

// Of the whole process, by worker.
using AllStats = std::span<const std::unique_ptr<WorkerStats>>;

}  // namespace ringproxy::proxy
