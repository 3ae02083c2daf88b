// proxy/session/spliced_replies.h – The proxy's own replies within that to an EXEC.
//
// Purpose: a session's side of state/spliced_commands: does them when their transaction was executed, and takes the
// client over to the database that the transaction has selected. Threads: its session's.
#pragma once

#include "backends/reply.h"
#include "proxy/local/local_commands.h"
#include "proxy/session/client_io.h"
#include "proxy/state/spliced_commands.h"

namespace ringproxy::proxy {

// What the client reads; `executed`: what its node says to EXEC. Where that is no array nothing was executed, here or
// there, or nobody knows, and it stays as it is.
backends::Reply SpliceReplies(ClientIo& io, ListenerContext& listener, ClientState& client, uint32_t owner,
                              const SplicedCommands& spliced, backends::Reply&& executed);

}  // namespace ringproxy::proxy
