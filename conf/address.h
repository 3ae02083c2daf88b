// conf/address.h – The text form of an Address, and what can be said of one without asking the network.
//
// Purpose: `127.0.0.1:6380`, `[::1]:6380`, `cache-1.internal:6379`, `unix:/run/ringproxy/web.sock`.
// Promise: ParseAddress(a.ToString()) == a for every address that was parsed.
// Threads: pure functions; nothing is resolved here.
#pragma once

#include <string_view>

#include "conf/config.h"
#include "conf/result.h"

namespace ringproxy::conf {

// Port 0 is accepted; whoever cannot use it refuses it (the option table knows).
Result<Address, Problem> ParseAddress(std::string_view text);

// Only this host can connect to it: 127.0.0.0/8, ::1, localhost or a Unix socket.
bool IsLoopback(const Address& address);

// Binding both must fail: the same socket path or, at the same port, the same host or a wildcard of its family.
// Port 0 is any free port and collides with nothing.
bool Collide(const Address& a, const Address& b);

// A connection that this host makes to `node` ends at a socket that listens at `listen`: it is the same address, or the
// loopback and a wildcard. What only a look at the host could tell, another name or address of it, is not seen.
bool Reaches(const Address& node, const Address& listen);

}  // namespace ringproxy::conf
