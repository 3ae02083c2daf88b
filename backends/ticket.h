// backends/ticket.h – A claim on one reply, and the one interface by which replies travel back up.
//
// Ownership: a Ticket is a value, never a pointer: its owner may be gone by the time the reply comes, which the
// generation reveals. Exactly one OnReply or OnFailure follows each ticket handed to a node connection; to the ticket
// of a batch (see NodeConnection::Send) an OnReply for each of its requests, and an OnFailure in place of those to
// come. Threads: a ticket never leaves its worker.
#pragma once

#include <cstdint>

#include "backends/reply.h"
#include "backends/wire/error_text.h"

namespace ringproxy::backends {

struct Ticket {
  // Whose it is, clients' first; kSelect: a session's, whose reply changes the client or is part of another. The last
  // one is the guard's own probe, which no sink hears of.
  enum class Kind : uint8_t {
    kSession,
    kSelect,
    kFanout,
    kRetry,
    kLimit,
    kStore,
    kExpiry,
    kFollowed,
    kTransaction,
    kExecutionPart,
    kWatch,
    kWait,
    kSpreadWait,
    kReplicaWait,
    kGiveBack,
    kPubSub,
    kScript,
    kLibrary,
    kInfo,
    kServers,
    kInternal,
  };

  uint32_t owner = 0;       // Index of the session, the fan-out, the read that may be asked again …
  uint32_t generation = 0;  // Of that index; a stale one makes the reply a counted no-op.
  uint32_t slot = 0;        // Which reply of the owner: slot sequence of a session, child of a fan-out.
  Kind kind = Kind::kInternal;
};

class ReplySink {
 public:
  virtual void OnReply(Ticket ticket, Reply&& reply) = 0;
  virtual void OnFailure(Ticket ticket, const wire::Failure& failure) = 0;

 protected:
  ~ReplySink() = default;
};

}  // namespace ringproxy::backends
