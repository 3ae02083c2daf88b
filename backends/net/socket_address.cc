#include "backends/net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

namespace ringproxy::net {

bool SocketAddress::operator==(const SocketAddress& other) const {
  // The padding counts too, and is the same: whoever makes an address begins with zeros.
  return size == other.size && std::memcmp(&storage, &other.storage, size) == 0;
}

// An address with a zone (fe80::1%eth0) is none here: the C library knows the interfaces.
SocketAddress NumericAddress(const std::string& host, uint16_t port) {
  SocketAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    address.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    address.size = sizeof *v6;
  }
  return WithPort(address, port);
}

SocketAddress UnixAddress(const std::string& path) {
  SocketAddress address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  local->sun_family = AF_UNIX;
  // The last byte stays NUL. conf/address refuses a path that would be cut here.
  path.copy(local->sun_path, sizeof(local->sun_path) - 1);
  address.size = sizeof *local;
  return address;
}

SocketAddress CopyOf(const sockaddr* address, socklen_t size) {
  SocketAddress copy;
  copy.size = std::min<socklen_t>(size, sizeof copy.storage);
  std::memcpy(&copy.storage, address, copy.size);
  return copy;
}

SocketAddress LocalAddressOf(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  const int failed = getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return failed == 0 ? address : SocketAddress{};
}

SocketAddress WithPort(SocketAddress address, uint16_t port) {
  if (address.family() == AF_INET) reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
  if (address.family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
  return address;
}

uint16_t PortOf(const SocketAddress& address) {
  if (address.family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
  if (address.family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_port);
  return 0;
}

std::string HostText(const SocketAddress& address) {
  char host[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr, host, sizeof host);
  }
  if (address.family() == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr, host, sizeof host);
  }
  return host;
}

std::string HostAndPortText(const SocketAddress& address) {
  if (!address.exists()) return {};
  if (address.family() == AF_UNIX)
    return std::string(reinterpret_cast<const sockaddr_un&>(address.storage).sun_path) + ":0";
  const std::string host = HostText(address);
  const std::string port = ":" + std::to_string(PortOf(address));
  return address.family() == AF_INET6 ? "[" + host + "]" + port : host + port;
}

}  // namespace ringproxy::net
