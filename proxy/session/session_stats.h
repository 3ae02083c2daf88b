// proxy/session/session_stats.h – What a worker counts on the clients' side.
//
// Threads: as backends/stats.h.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "backends/stats.h"
#include "backends/wire/command.h"
#include "backends/wire/error_text.h"
#include "proxy/route/refusal_stats.h"

namespace ringproxy::proxy {

inline constexpr size_t kAccessCount = 4;  // Of wire::Access.

struct ListenerStats {
  explicit ListenerStats(size_t commands)
      : requests(std::make_unique<backends::Counter[]>(commands + 1)), refusals(commands) {}

  backends::Counter accepted;
  backends::Counter closed;
  backends::Counter cut_off;  // Closed because they took too much memory.
  backends::Counter blocked;  // Now: they wait for what others do, or are held by CLIENT PAUSE.
  backends::Counter auth_failures;
  backends::Counter greeting_failures;  // Closed before a session began.
  backends::Counter replies;
  backends::Counter bytes_in;
  backends::Counter bytes_out;
  std::unique_ptr<backends::Counter[]> requests;  // By CommandIndex; the last counts unknown commands.
  RefusalStats refusals;
};

// Of all clients of a worker.
struct ClientStats {
  backends::Counter open;           // Now.
  backends::Counter subscriptions;  // Channels and patterns that they listen to, as of the last second.
  backends::Counter stale_replies;  // For those that had left.
};

struct PoolStats {
  std::array<backends::Histogram, kAccessCount> request_duration;  // By wire::Access.
};

}  // namespace ringproxy::proxy
