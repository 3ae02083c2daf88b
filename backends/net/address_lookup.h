// backends/net/address_lookup.h – Asks the C library for the addresses of a name, and waits for them.
//
// What the machine's administrator has set up counts: hosts file, search domains, several servers, and changes of them.
// Threads: any. Blocks, for half a minute and longer when name servers are silent: on no loop's thread, unless nothing
// is served yet.
#pragma once

#include <string>
#include <vector>

#include "backends/net/socket_address.h"

namespace ringproxy::net {

struct FoundAddresses {
  int error = 0;                         // See connect_error.h.
  std::vector<SocketAddress> addresses;  // Each once, with port 0, in the order in which they are to be tried.
};

// `family`: AF_UNSPEC, or AF_INET for IPv4 alone.
FoundAddresses LookUpAddresses(const std::string& host, int family);

// Turn and turn about between the families (RFC 8305, 4), beginning with the first's: when all of one family lead
// nowhere, the second attempt is the other's. Those of one family keep their order.
std::vector<SocketAddress> Interleaved(const std::vector<SocketAddress>& addresses);

}  // namespace ringproxy::net
