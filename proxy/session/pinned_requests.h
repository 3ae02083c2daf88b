// proxy/session/pinned_requests.h – What of a client's requests needs a link that the client has for itself.
//
// Purpose: a session's side of state/watches: says when a client's flavour is a pinned one, and whom its requests go to
// then. Threads: its session's.
#pragma once

#include <cstdint>

#include "backends/ticket.h"
#include "proxy/local/local_commands.h"
#include "proxy/route/routed_request.h"
#include "proxy/session/client_io.h"

namespace ringproxy::proxy {

// Requires: nothing else of the client is under way. `origin`: the client's. Takes the block, if there is one.
void SendPinned(ClientIo& io, ClientState& client, RoutedRequest& routed, const Origin& origin,
                backends::Ticket ticket);

// EXEC, which ends what the client watches. `origin`: the client's.
void SendTransaction(ClientIo& io, ClientState& client, Origin origin, backends::Ticket ticket);

// The client's flavour has changed, `before` was a pinned one: it watches its keys no more, or goes on in another
// protocol or database. `lane`: its number.
void FollowPinned(ClientIo& io, const ClientState& client, uint32_t lane);

// No more requests come of the client: what it waits for ends. `has_ended`: since it has ended its side.
void EndWait(ClientIo& io, uint32_t lane, bool has_ended);

// The client has left.
void LeavePinned(ClientIo& io, ClientState& client, uint32_t lane);

}  // namespace ringproxy::proxy
