// backends/link/in_flight.h – One request whose reply is still to come, as a pipeline keeps it and a witness judges it.
#pragma once

#include <cstdint>

#include "backends/net/loop.h"
#include "backends/ticket.h"
#include "backends/wire/fault.h"

namespace ringproxy::backends {

struct InFlight {
  Ticket ticket;
  net::TimePoint sent;
  net::TimePoint deadline;
  uint32_t bytes = 0;
  wire::Author author = wire::Author::kNode;  // Of its reply.
  bool timed_out = false;                     // Already failed; its reply will be discarded.

  // The guard's own, which no client hears of.
  bool IsProbe() const { return ticket.kind == Ticket::Kind::kInternal; }
};

}  // namespace ringproxy::backends
