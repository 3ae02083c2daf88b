#include "backends/net/listen_socket.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/net/keepalive.h"

namespace ringproxy::net {
namespace {

constexpr int kBacklog = 4096;
// Clients accepted in one turn; more wait for the next, so that a storm of them delays nobody's requests.
constexpr int kAcceptsPerTurn = 64;

struct BoundAddress {
  sockaddr_storage address{};
  socklen_t size = 0;
};

BoundAddress UnixAddress(const std::string& path) {
  BoundAddress result;
  auto* local = reinterpret_cast<sockaddr_un*>(&result.address);
  local->sun_family = AF_UNIX;
  path.copy(local->sun_path, sizeof(local->sun_path) - 1);
  result.size = sizeof(*local);
  return result;
}

// Name lookups block here: listeners are bound before anything is served.
BoundAddress TcpAddress(const Endpoint& endpoint, std::string* error) {
  BoundAddress result;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (code != 0) {
    *error = gai_strerror(code);
    return result;
  }
  std::memcpy(&result.address, found->ai_addr, found->ai_addrlen);
  result.size = found->ai_addrlen;
  freeaddrinfo(found);
  return result;
}

// A socket file that a dead process left behind would block the name for ever; a live one must not be taken over, and a
// file of another kind, to which connecting is refused likewise, must not be lost.
void RemoveStaleSocket(const BoundAddress& bound, const std::string& path) {
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(probe, reinterpret_cast<const sockaddr*>(&bound.address), bound.size) != 0 && errno == ECONNREFUSED) {
    unlink(path.c_str());
  }
  close(probe);
}

std::string PeerText(const sockaddr_storage& peer, const std::string& unix_path) {
  char host[INET6_ADDRSTRLEN] = "";
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    return std::string(host) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (peer.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    return "[" + std::string(host) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  return unix_path + ":0";  // As Redis shows the clients of a Unix socket.
}

}  // namespace

std::unique_ptr<ListenSocket> ListenSocket::Open(event_base* base, const Endpoint& endpoint, OnAccept on_accept,
                                                 OnTrouble on_trouble, std::string* error) {
  const bool is_unix = !endpoint.unix_path.empty();
  const BoundAddress bound = is_unix ? UnixAddress(endpoint.unix_path) : TcpAddress(endpoint, error);
  if (bound.size == 0) return nullptr;
  const int fd = socket(bound.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (is_unix) {
    RemoveStaleSocket(bound, endpoint.unix_path);
  } else if (fd >= 0) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&bound.address), bound.size) != 0 ||
      listen(fd, kBacklog) != 0) {
    *error = std::strerror(errno);
    if (fd >= 0) close(fd);
    return nullptr;
  }
  return std::unique_ptr<ListenSocket>(
      new ListenSocket(base, fd, endpoint, std::move(on_accept), std::move(on_trouble)));
}

ListenSocket::ListenSocket(event_base* base, int fd, const Endpoint& endpoint, OnAccept on_accept, OnTrouble on_trouble)
    : base_(base),
      fd_(fd),
      unix_path_(endpoint.unix_path),
      keepalive_(endpoint.keepalive),
      on_accept_(std::move(on_accept)),
      on_trouble_(std::move(on_trouble)) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  if (bound.ss_family == AF_INET) port_ = ntohs(reinterpret_cast<sockaddr_in&>(bound).sin_port);
  if (bound.ss_family == AF_INET6) port_ = ntohs(reinterpret_cast<sockaddr_in6&>(bound).sin6_port);
  event_assign(
      &readable_, base_, fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<ListenSocket*>(self)->AcceptAll(); }, this);
  event_assign(
      &resume_, base_, -1, 0,
      [](evutil_socket_t, short, void* self) { event_add(&static_cast<ListenSocket*>(self)->readable_, nullptr); },
      this);
  event_add(&readable_, nullptr);
}

ListenSocket::~ListenSocket() {
  event_del(&readable_);
  event_del(&resume_);
  close(fd_);
  if (!unix_path_.empty()) unlink(unix_path_.c_str());
}

std::string PeerUser(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  passwd entry{};
  passwd* found = nullptr;
  char names[1024];
  const bool is_known = getpwuid_r(peer.uid, &entry, names, sizeof names, &found) == 0 && found != nullptr;
  return is_known ? entry.pw_name : std::to_string(peer.uid);
}

void ListenSocket::AcceptAll() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) return;
      PauseFor({0, 100'000});
      return on_trouble_(error);
    }
    if (unix_path_.empty()) {
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      SetKeepalive(fd, keepalive_);
    }
    on_accept_(fd, PeerText(peer, unix_path_));
  }
}

void ListenSocket::PauseFor(const timeval& wait) {
  event_del(&readable_);
  event_add(&resume_, &wait);
}

}  // namespace ringproxy::net
