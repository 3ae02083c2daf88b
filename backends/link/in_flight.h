// backends/link/in_flight.h – One request whose reply is still to come, as a pipeline keeps it and a witness judges it.
#pragma once

#include <cstdint>

#include "backends/net/loop.h"
#include "backends/ticket.h"
#include "backends/wire/key_mark.h"
#include "backends/wire/reply_shape.h"

namespace ringproxy::backends {

struct InFlight {
  // A request that takes a node this many bytes to read may keep it as busy as a heavy command does.
  static constexpr uint32_t kHeavyBytes = 1 << 20;

  Ticket ticket;
  net::TimePoint entered;
  net::TimePoint sent;  // Its last byte was written; as long as that is to come, when it was entered.
  uint32_t bytes = 0;
  wire::Asked asked = {};
  wire::KeyMark key_mark = {};
  uint32_t replies_to_come = 0;  // Of a batch, and of one that blocks; 0: it is a single request.
  uint16_t patience_s = 0;       // Of one that blocks; 0: without end, as is what is longer than this can say.
  bool timed_out = false;        // Already failed; its reply will be discarded.

  // The guard's own, which no client hears of.
  bool IsProbe() const { return ticket.kind == Ticket::Kind::kInternal; }
  bool IsMarked() const { return key_mark.kind != wire::KeyMark::Kind::kNone; }
  bool IsBlocking() const { return asked.work == wire::Work::kBlocking; }
  bool IsHeavy() const { return asked.work >= wire::Work::kHeavy || bytes >= kHeavyBytes; }
  bool IsUsual() const { return wire::IsBrief(asked.work) && bytes < kHeavyBytes; }
};

}  // namespace ringproxy::backends
