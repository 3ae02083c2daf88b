// proxy/session/client_io.h – What a worker lends to its sessions.
//
// Threads: the worker's. Lifetime: outlives every session.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/wire/memcache_request.h"
#include "backends/wire/resp_request.h"
#include "backends/worker_io.h"
#include "proxy/guard/rate_limiter.h"
#include "proxy/local/local_commands.h"
#include "proxy/local/monitors.h"
#include "proxy/observe/info_desk.h"
#include "proxy/observe/servers_desk.h"
#include "proxy/route/dispatcher.h"
#include "proxy/session/client_desk.h"
#include "proxy/session/client_pause.h"
#include "proxy/session/session_stats.h"
#include "proxy/state/executions.h"
#include "proxy/state/listings.h"
#include "proxy/state/subscriptions.h"
#include "proxy/state/waits.h"
#include "proxy/state/watches.h"

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
  wire::MemcacheParser memcache_parser{limits, conf.admin_commands};
  uint32_t proved_databases = 1;  // See ListenerFacts.
  PasswordGate gate{conf.password};
  ClientPause pause{};
  std::vector<conf::Cidr> proxies = conf::CidrsOf(conf.proxy_protocol);  // Their clients are others than the peers.
};

// A session's place in the list of those that have something to do at the end of this turn.
struct TurnMark {
  Session& session;
  bool is_set = false;
};

// Sessions with something to do at the end of this turn.
struct TurnLists {
  std::vector<Session*> marked;
  std::vector<uint32_t> retired;  // Closed in this turn, by index; deleted at its end.
};

// Who asks the nodes what they tell about themselves and what they hold, and the workers about their clients, and tells
// what is said to the proxy.
struct ServerDesks {
  ServerDesks(backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held, const ProxyView& view,
              backends::ReplySink& sink)
      : info(io, held, view, sink), others(io, sink) {}

  // What tells about the nodes.
  void Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
    wire::IsShared(routed.spec) ? info.Ask(routed, origin, ticket) : others.Ask(routed, origin, ticket);
  }

  InfoDesk info;
  ServersDesk others;
  std::unique_ptr<Monitors> monitors = nullptr;
  std::unique_ptr<ClientDesk> clients = nullptr;
  std::unique_ptr<Listings> listings = nullptr;
};

struct ClientIo {
  void Count(wire::ErrorCode code) { errors[static_cast<size_t>(code)].Add(); }
  void Mark(TurnMark& mark) {
    if (std::exchange(mark.is_set, true)) return;
    turn.marked.push_back(&mark.session);
  }

  backends::WorkerIo& io;
  const std::unique_ptr<HeldSnapshot>& held;  // The one in force, for the requests of this turn.
  Dispatcher& dispatcher;
  Executions executions;
  Watches watches;
  Waits waits;
  RateLimiter& limiter;
  std::unique_ptr<Subscriptions> subscriptions = nullptr;  // None where nobody can subscribe.
  ProxyView& view;
  std::span<PoolStats> pool_stats;
  std::span<backends::Counter> errors;  // By wire::ErrorCode.
  TurnLists turn;
  std::string scratch;  // One reply under construction.
  ScriptCalls scripts;
  std::unique_ptr<ServerDesks> servers = nullptr;  // As subscriptions.
};

}  // namespace ringproxy::proxy
