// backends/handshake.h – What a new node connection says before it carries requests, and what the answers mean.
//
// AUTH if the pool has a password, then PING: a node that still loads its data accepts connections and answers
// -LOADING, so only +PONG makes a connection ready. Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "conf/config.h"

namespace ringproxy::backends {

// Appends the handshake's requests; returns how many replies will follow.
size_t AppendHandshake(const conf::Auth& auth, std::string* out);

// Empty when `reply` lets the handshake go on, else the node's own words, to be logged.
std::string_view HandshakeRefusal(std::string_view reply);

}  // namespace ringproxy::backends
