// backends/net/bound_sockets.h – Sockets that listen on all addresses of an endpoint.
//
// A name like localhost has an address of each family, and a client may use either. Names are looked up in place:
// nothing is served yet when a process binds its sockets. Threads: any.
#pragma once

#include <string>
#include <vector>

#include "backends/net/loop.h"
#include "backends/net/socket_address.h"

namespace ringproxy::net {

// Descriptors that listen and do not block, the caller's from now on; with port 0 all have the same free one. None, and
// the reason in `error`, when an address is taken. Those that are not this machine's are left out, unless all are: many
// a hosts file names ::1 where IPv6 is off.
std::vector<int> BindAndListen(const Endpoint& endpoint, std::string* error);
// With the port of the first. `keepalive`: of what is accepted.
std::vector<int> BindAndListen(const std::vector<SocketAddress>& addresses, Duration keepalive, std::string* error);

// What a socket is bound to.
SocketAddress BoundAddress(int fd);

}  // namespace ringproxy::net
