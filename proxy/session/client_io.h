// proxy/session/client_io.h – What a worker lends to its sessions.
//
// Threads: the worker's. Lifetime: outlives every session.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/wire/memcache_request.h"
#include "backends/wire/resp_request.h"
#include "backends/worker_io.h"
#include "proxy/guard/rate_limiter.h"
#include "proxy/local/local_commands.h"
#include "proxy/route/dispatcher.h"
#include "proxy/session/session_stats.h"

namespace ringproxy::proxy {

class Session;

// Of one listener in one worker.
struct ListenerContext {
  uint32_t index;       // In the snapshot.
  conf::Listener conf;  // As the snapshot in force has it.
  wire::Limits limits;
  ListenerStats& stats;
  // Frame one request at a time for every session; a Redis request that is half read takes a parser of its own.
  wire::RequestParser redis_parser{limits};
  std::vector<std::unique_ptr<wire::RequestParser>> idle_parsers{};
  wire::MemcacheParser memcache_parser{limits};
};

struct ClientIo {
  backends::WorkerIo& io;
  const std::unique_ptr<HeldSnapshot>& held;  // The one in force, for the requests of this turn.
  Dispatcher& dispatcher;
  RateLimiter& limiter;
  ProxyView& view;
  std::span<PoolStats> pool_stats;
  std::span<backends::Counter> errors;  // By wire::ErrorCode.
  std::vector<Session*> turn;           // Sessions with something to do at the end of this turn.
  std::vector<uint32_t> retired;        // Closed in this turn, by index; deleted at its end.
  std::string scratch;                  // One reply under construction.
};

}  // namespace ringproxy::proxy
