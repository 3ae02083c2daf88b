// proxy/session/spliced_replies.h – The proxy's own replies within that to an EXEC.
//
// Purpose: a session's side of state/spliced_commands: when their transaction was executed, keeps the node's reply
// until the nodes, or the other workers, were asked for what tells of all of them, one command after the other; then
// does the rest, and takes the client over to the database that the transaction has selected. Threads: its session's.
// Lifetime: ends with the transaction or its client; answers that come later are nobody's. Bounds: kMostOwnBytes of
// either kind of reply and one more, each as large as the memory allows.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/reply.h"
#include "backends/ticket.h"
#include "proxy/local/local_commands.h"
#include "proxy/session/client_io.h"
#include "proxy/state/spliced_commands.h"

namespace ringproxy::proxy {

class SplicedReplies {
 public:
  // `ticket`: that of the EXEC, by which nodes answer what they are asked as well. Requires: nothing that the client
  // has asked before it is under way, if some of the commands ask.
  SplicedReplies(ClientIo& io, ListenerContext& listener, ClientState& client, backends::Ticket ticket,
                 std::unique_ptr<SplicedCommands> commands)
      : io_(io), listener_(listener), client_(client), ticket_(ticket), commands_(std::move(commands)) {}

  // What the node says to EXEC, and then the answer to each question. What the client reads, when all is there. Where
  // the first one is no array nothing was executed, here or there, or nobody knows, and it stays as it is.
  std::optional<backends::Reply> Take(backends::Reply&& reply);
  // What fails from now on is an element.
  bool is_executed() const { return static_cast<bool>(executed_); }
  // What it takes of the memory.
  size_t held_bytes() const { return answer_bytes_ + (executed_ ? executed_.held_bytes() : 0); }

 private:
  // Until one of them has to be waited for.
  std::optional<backends::Reply> AskOn();
  void Ask(const SplicedCommand& command);
  void AddAnswer(backends::Reply&& answer);
  backends::Reply Merge(std::string_view executed);

  ClientIo& io_;
  ListenerContext& listener_;
  ClientState& client_;
  backends::Ticket ticket_;
  std::unique_ptr<SplicedCommands> commands_;
  net::Block executed_;              // The node's reply, while nodes are asked.
  std::vector<net::Block> answers_;  // Of the nodes, in the order of the commands that ask.
  size_t answer_bytes_ = 0;
  size_t next_ = 0;      // Of the commands; those before it that ask were asked.
  bool awaits_ = false;  // The answer to the last one.
  bool is_asking_ = false;
};

}  // namespace ringproxy::proxy
