#include "backends/net/bound_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "backends/net/address_lookup.h"
#include "backends/net/connect_error.h"
#include "backends/net/keepalive.h"

namespace ringproxy::net {
namespace {

// All clients of a restarted proxy come at once. The kernel cuts it to net.core.somaxconn.
constexpr int kBacklog = 4096;

// A socket file that a dead process left behind would block the name for ever; a live one must not be taken over, and a
// file of another kind, to which connecting is refused likewise, must not be lost.
void RemoveStaleSocket(const SocketAddress& address, const std::string& path) {
  struct stat file {};
  if (lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) return;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(probe, address.get(), address.size) != 0 && errno == ECONNREFUSED) unlink(path.c_str());
  close(probe);
}

// The descriptor, or -1 and errno. `beside_others`: another socket has the same port of the other family.
int Listen(const SocketAddress& address, Duration keepalive, bool beside_others) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (address.family() != AF_UNIX) {
    // Otherwise a restart waits until connections of the process before it have left TIME_WAIT.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Linux hands these on to all that is accepted, which spares six system calls a client.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SetKeepalive(fd, keepalive);
  }
  // Otherwise :: takes the port in IPv4 too, and the socket for 0.0.0.0 finds it taken.
  if (address.family() == AF_INET6 && beside_others) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind(fd, address.get(), address.size) == 0 && listen(fd, kBacklog) == 0) return fd;
  // close() may change it.
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

std::vector<int> BindAndListen(const Endpoint& endpoint, std::string* error) {
  if (!endpoint.unix_path.empty()) {
    const SocketAddress address = UnixAddress(endpoint.unix_path);
    RemoveStaleSocket(address, endpoint.unix_path);
    return BindAndListen({address}, {}, error);
  }
  FoundAddresses found = LookUpAddresses(endpoint.host, AF_UNSPEC);
  if (found.error != 0) {
    *error = ConnectErrorText(endpoint, found.error);
    return {};
  }
  found.addresses[0] = WithPort(found.addresses[0], endpoint.port);
  return BindAndListen(found.addresses, endpoint.keepalive, error);
}

std::vector<int> BindAndListen(const std::vector<SocketAddress>& addresses, Duration keepalive, std::string* error) {
  std::vector<int> bound;
  uint16_t port = PortOf(addresses.at(0));
  for (const SocketAddress& address : addresses) {
    const int fd = Listen(WithPort(address, port), keepalive, addresses.size() > 1);
    if (fd >= 0) {
      bound.push_back(fd);
      // Where the endpoint says 0 the first socket has chosen, and the others take the same.
      port = PortOf(BoundAddress(fd));
      continue;
    }
    *error = std::strerror(errno);
    if (HasNoWay(errno)) continue;
    // A client may use any of the addresses, and behind this one it would reach somebody else.
    for (const int other : bound) close(other);
    return {};
  }
  return bound;
}

SocketAddress BoundAddress(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return address;
}

}  // namespace ringproxy::net
