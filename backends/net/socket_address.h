// backends/net/socket_address.h – An address as the system's calls take it, and as people read it.
//
// Threads: values and pure functions.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace ringproxy::net {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;  // 0 = there is none.

  bool exists() const { return size != 0; }
  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  bool operator==(const SocketAddress& other) const;
};

// None when `host` is no number: it has to be resolved.
SocketAddress NumericAddress(const std::string& host, uint16_t port);
SocketAddress UnixAddress(const std::string& path);
// As a call of the system gave it.
SocketAddress CopyOf(const sockaddr* address, socklen_t size);

// Of the near end of a socket; none where it has none.
SocketAddress LocalAddressOf(int fd);

// Of TCP; nothing changes, and the port is 0, where there is none.
SocketAddress WithPort(SocketAddress address, uint16_t port);
uint16_t PortOf(const SocketAddress& address);

// 10.0.0.1 or ::1; empty for a Unix socket.
std::string HostText(const SocketAddress& address);
// 10.0.0.1:6379 or [::1]:6379; of a Unix socket its path and :0, as Redis shows it.
std::string HostAndPortText(const SocketAddress& address);

}  // namespace ringproxy::net
