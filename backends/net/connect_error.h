// backends/net/connect_error.h – Why a connection did not come about, as one number and in words.
//
// The number is an errno, or a code of getaddrinfo when the host's name has no address: those are negative.
// Threads: pure functions.
#pragma once

#include <string>

#include "backends/net/loop.h"

namespace ringproxy::net {

// This process, or its machine, is out of descriptors or memory.
bool IsShortage(int error);
// This machine has no way to such an address: another of the same name may be reached.
bool HasNoWay(int error);
// "Connection refused", or "cannot resolve redis-1: Name or service not known".
std::string ConnectErrorText(const Endpoint& endpoint, int error);
// The name is still being looked up when the time is over.
std::string UnresolvedText(const Endpoint& endpoint);

}  // namespace ringproxy::net
