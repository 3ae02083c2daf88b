// proxy/local/moving_notice.h – What clients are told that have asked to know when the proxy ends.
//
// Purpose: the MOVING message of RESP3, by which a client goes over to another address before its connection ends.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/local/client_facts.h"

namespace ringproxy::proxy {

struct MovingNotice {
  int64_t number = 0;    // Clients take two messages with the same one for one event.
  net::Duration time{};  // For which connections live on.
  std::string endpoint;  // HOST:PORT, where clients find the proxy or its successor; empty: nobody knows.

  // How long those who were told are served: the rest of the time is for requests that are under way then.
  net::Duration service_time() const;
};

enum class MovingTold : uint8_t {
  kNow,
  kLater,  // Once it has ended its transaction, and its requests have made of it what they do.
  kNever,
};

// Whether the client is told. Never: it has not asked, cannot read it, could not go to any address that it would
// accept, or its connection is what a library may not make of the next one, and nobody would notice: it listens, waits,
// has gone to another database. Such a client is better disconnected.
MovingTold WhenTold(const MovingNotice& notice, const ClientFacts& facts);

// The message. Requires: WhenTold is not kNever.
std::string MovingPush(const MovingNotice& notice, const ClientState& client);

}  // namespace ringproxy::proxy
