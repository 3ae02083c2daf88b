#include "proxy/control/acceptor.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <utility>

#include "backends/line_limit.h"
#include "backends/own_trouble.h"
#include "backends/wire/error_text.h"

namespace ringproxy::proxy {
namespace {

// Of a name with several addresses: " (127.0.0.1:6379, [::1]:6379)".
std::string AllOf(const std::vector<std::unique_ptr<net::ListenSocket>>& sockets) {
  if (sockets.size() < 2) return {};
  std::string text;
  for (const auto& socket : sockets) text += (text.empty() ? " (" : ", ") + net::HostAndPortText(socket->bound());
  return text + ")";
}

}  // namespace

Acceptor::Acceptor(net::LibeventLoop& loop, const Snapshot& snapshot, AllStats workers, uint64_t room_for_clients,
                   Serve serve)
    : loop_(loop),
      snapshot_(snapshot),
      workers_(workers),
      room_for_clients_(room_for_clients),
      serve_(std::move(serve)),
      accepted_(snapshot.config.listeners.size()) {}

bool Acceptor::Listen() {
  std::string error;
  for (uint32_t i = 0; i < snapshot_.config.listeners.size(); ++i) {
    const conf::Listener& listener = snapshot_.config.listeners[i];
    const conf::Address& at = listener.listen;
    auto sockets = net::ListenSocket::Open(
        loop_.base(),
        {.host = at.host,
         .port = at.port,
         .unix_path = at.unix_path,
         .keepalive = listener.keepalive,
         .unix_mode = listener.socket_mode},
        [this, i](int fd, std::string peer) { Accept(i, fd, std::move(peer)); },
        [this](int cause) { backends::NoteOwnTrouble(backends::Attempt::kAccept, cause, loop_.now()); }, &error);
    if (sockets.empty()) {
      spdlog::error("listener {} cannot listen on {}: {}", listener.name, at.ToString(), error);
      return false;
    }
    conf::Address bound = at;
    // With port 0 the system chooses one, which whoever has started the proxy reads in the log.
    if (!at.is_unix()) bound.port = sockets[0]->port();
    spdlog::info("listener {} listens on {}{}", listener.name, bound.ToString(), AllOf(sockets));
    for (auto& socket : sockets) sockets_.push_back(std::move(socket));
  }
  return true;
}

uint64_t Acceptor::ClientsOf(uint32_t listener) const {
  // A client counts from when it is accepted, not from when its worker has seen it: else a burst of clients would pass
  // the bound before any worker has counted the first of them.
  uint64_t closed = 0;
  for (const auto& stats : workers_) closed += stats->listeners[listener].closed.value();
  return accepted_[listener] - closed;
}

std::string Acceptor::WhyFull(uint32_t listener) const {
  const conf::Listener& conf = snapshot_.config.listeners[listener];
  if (ClientsOf(listener) >= conf.max_connections) {
    return "listener " + conf.name + " has max_connections, " + std::to_string(conf.max_connections);
  }
  uint64_t clients = 0;
  for (uint32_t i = 0; i < accepted_.size(); ++i) clients += ClientsOf(i);
  if (clients < room_for_clients_) return {};
  return "the limit on descriptors leaves room for " + std::to_string(room_for_clients_) + " clients";
}

void Acceptor::Refuse(uint32_t listener, int fd, const std::string& why, const std::string& peer) {
  static backends::LineLimit lines;
  lines.Log(loop_.now(), spdlog::level::warn, "{}: client {} is refused", why, peer);
  std::string refusal;
  if (snapshot_.config.listeners[listener].protocol == conf::Protocol::kMemcached) {
    wire::AppendMemcacheError(wire::ErrorCode::kTooManyClients, &refusal);
  } else {
    wire::AppendRedisError({wire::ErrorCode::kTooManyClients}, &refusal);
  }
  // A new socket has room for a line. Should it have none, the client is refused without words: nobody waits for it.
  send(fd, refusal.data(), refusal.size(), MSG_NOSIGNAL);
  // What it has sent, or sends before it reads them, must not turn the end into a reset that overtakes the words.
  loop_.EndSocket(fd);
}

void Acceptor::Accept(uint32_t listener, int fd, std::string peer) {
  if (const std::string why = WhyFull(listener); !why.empty()) return Refuse(listener, fd, why, peer);
  ++accepted_[listener];
  std::string user = snapshot_.config.listeners[listener].listen.is_unix() ? net::PeerUser(fd) : std::string();
  serve_(listener, NewClient(next_client_id_++, std::move(peer), std::move(user)), fd);
}

}  // namespace ringproxy::proxy
