// proxy/control/worker_stats.h – All that one worker counts; written by it, read by the scraper.
//
// Threads: as backends/stats.h. Ownership: the process's; made before the worker, gone after the admin port.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "backends/stats.h"
#include "backends/wire/memcache_command.h"
#include "proxy/control/published.h"
#include "proxy/route/fanout.h"
#include "proxy/route/hot_keys.h"
#include "proxy/route/retrier.h"
#include "proxy/route/snapshot.h"
#include "proxy/session/session_stats.h"

namespace ringproxy::proxy {

// The rows of the command table that a listener's requests are counted by.
inline size_t CommandCount(conf::Protocol protocol) {
  return protocol == conf::Protocol::kMemcached ? wire::MemcacheCommands().size() : wire::RedisCommands().size();
}

inline std::string_view CommandName(conf::Protocol protocol, size_t index) {
  return protocol == conf::Protocol::kMemcached ? wire::MemcacheCommands()[index].command.name
                                                : wire::RedisCommands()[index].name;
}

struct WorkerStats {
  explicit WorkerStats(const Snapshot& snapshot)
      : errors(wire::kErrorCodes),
        pools(snapshot.config.pools.size()),
        retries(snapshot.config.pools.size()),
        nodes(snapshot.node_count) {
    for (size_t i = 0; i < snapshot.config.listeners.size(); ++i) {
      listeners.emplace_back(CommandCount(snapshot.config.listeners[i].protocol));
    }
  }

  std::deque<ListenerStats> listeners;     // By listener.
  std::vector<backends::Counter> errors;   // By wire::ErrorCode.
  std::vector<PoolStats> pools;            // By pool.
  std::vector<RetryStats> retries;         // By pool.
  std::vector<backends::NodeStats> nodes;  // Over all pools: PoolSnapshot::first_node + node.
  backends::Counter stale_replies;         // For clients that had left.
  backends::Counter sessions;              // Open now.
  PartialStats partial;
  Published<HotKeysView> hot_keys;  // Anew every second.
};

}  // namespace ringproxy::proxy
