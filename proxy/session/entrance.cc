#include "proxy/session/entrance.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "proxy/session/proxy_greeting.h"

namespace ringproxy::proxy {
namespace {

// What one burst has needed is kept up to here, and given back beyond it at the next tick.
constexpr size_t kKeptParsers = 16;

wire::Limits LimitsOf(const conf::ClientLimits& limits) {
  return {.request_bytes = limits.request_bytes,
          .bulk_bytes = limits.bulk_bytes,
          .key_bytes = limits.key_bytes,
          .arguments = limits.arguments,
          .inline_bytes = limits.inline_bytes};
}

// The option that says so forbids to guess: who may send a header has to.
bool HasToNameItsClient(const ListenerContext& listener, const ClientState& peer) {
  return std::ranges::any_of(listener.proxies, [&](const conf::Cidr& network) { return network.Contains(peer.ip); });
}

}  // namespace

Entrance::Entrance(backends::WorkerIo& io, SessionTable& sessions)
    : io_(io),
      sessions_(sessions),
      arrivals_(io.loop, [this](ListenerContext& listener, ClientState client, const auto& make_stream) {
        BeginSession(listener, std::move(client), make_stream);
      }) {}

void Entrance::Open(const conf::Config& config, std::deque<ListenerStats>& stats) {
  for (uint32_t i = 0; i < config.listeners.size(); ++i) {
    const conf::Listener& listener = config.listeners[i];
    listeners_.push_back({i, listener, LimitsOf(listener.limits), stats[i]});
  }
}

void Entrance::Adopt(const conf::Config& config) {
  for (ListenerContext& context : listeners_) {
    context.conf = config.listeners[context.index];
    context.limits = LimitsOf(context.conf.limits);
    // There may be new nodes.
    context.proved_databases = 1;
    context.gate.SetPassword(context.conf.password);
    context.proxies = conf::CidrsOf(context.conf.proxy_protocol);
    // No request is half read in the listener's parser: such a one has a parser of its own, with the limits by which
    // it began.
    context.redis_parser = wire::RequestParser(context.limits);
    context.idle_parsers.clear();
    context.memcache_parser = wire::MemcacheParser(context.limits, context.conf.admin_commands);
  }
}

void Entrance::Add(uint32_t listener, ClientState client, const SessionTable::MakeStream& make_stream) {
  ListenerContext& context = listeners_[listener];
  if (!HasToNameItsClient(context, client)) return BeginSession(context, std::move(client), make_stream);
  arrivals_.Add(context, std::move(client), std::make_unique<ProxyGreeting>(io_), make_stream);
  if (is_draining_) arrivals_.CloseAll();
}

void Entrance::BeginSession(ListenerContext& listener, ClientState client,
                            const SessionTable::MakeStream& make_stream) {
  Session& session = sessions_.Add(listener, std::move(client), make_stream);
  if (is_draining_) session.Drain();
}

void Entrance::Drain() {
  is_draining_ = true;
  arrivals_.CloseAll();
}

void Entrance::Tick() {
  arrivals_.Tick();
  for (ListenerContext& listener : listeners_) {
    // The memory of a large request is given back: the parser keeps it from one request to the next.
    listener.redis_parser.Reset();
    if (listener.idle_parsers.size() > kKeptParsers) listener.idle_parsers.resize(kKeptParsers);
  }
}

}  // namespace ringproxy::proxy
