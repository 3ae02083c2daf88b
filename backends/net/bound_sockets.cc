#include "backends/net/bound_sockets.h"

#include <fcntl.h>
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

// What all sockets of an endpoint have in common.
struct SocketTraits {
  Duration keepalive{0};
  bool beside_others = false;  // Another socket has the same port of the other family.
  std::string file = {};       // A Unix socket's, and its mode; 0 = as the umask leaves it.
  uint32_t file_mode = 0;
};

// Nobody can connect before listen(), so nobody does under the mode that the umask has left. A link that somebody has
// put in the file's place is not followed.
bool SetMode(const SocketTraits& traits) {
  return traits.file_mode == 0 || fchmodat(AT_FDCWD, traits.file.c_str(), traits.file_mode, AT_SYMLINK_NOFOLLOW) == 0;
}

// The descriptor, or -1 and errno.
int Listen(const SocketAddress& address, const SocketTraits& traits) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (address.family() != AF_UNIX) {
    // Otherwise a restart waits until connections of the process before it have left TIME_WAIT.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Linux hands these on to all that is accepted, which spares six system calls a client.
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SetKeepalive(fd, traits.keepalive);
  }
  // Otherwise :: takes the port in IPv4 too, and the socket for 0.0.0.0 finds it taken.
  if (address.family() == AF_INET6 && traits.beside_others) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  const bool is_bound = bind(fd, address.get(), address.size) == 0;
  if (is_bound && SetMode(traits) && listen(fd, kBacklog) == 0) return fd;
  // close() may change it.
  const int error = errno;
  if (is_bound && !traits.file.empty()) unlink(traits.file.c_str());
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

std::vector<int> BindAndListen(const Endpoint& endpoint, std::string* error) {
  if (!endpoint.unix_path.empty()) {
    const SocketAddress address = UnixAddress(endpoint.unix_path);
    RemoveStaleSocket(address, endpoint.unix_path);
    const int fd = Listen(address, {.file = endpoint.unix_path, .file_mode = endpoint.unix_mode});
    if (fd >= 0) return {fd};
    *error = std::strerror(errno);
    return {};
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
    const int fd = Listen(WithPort(address, port), {.keepalive = keepalive, .beside_others = addresses.size() > 1});
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
