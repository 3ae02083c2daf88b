// proxy/state/spliced_commands.h – What of a client's transaction the proxy does itself, once a node has executed the
// rest.
//
// Purpose: commands about the client (CLIENT SETNAME) or the proxy (COMMAND) are queued like all others and concern no
// node: their replies are put into EXEC's array where they were queued. Also knows which elements say that the client
// is in another database now. Threads: its session's. Bounds: kMost, and what its transaction allows.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/block_pool.h"
#include "backends/wire/command.h"
#include "backends/wire/request.h"

namespace ringproxy::proxy {

class SplicedCommands {
 public:
  // The proxy does all of them at once, while other clients wait.
  static constexpr size_t kMost = 1000;

  // `position`: among all commands of the transaction, which rises from call to call.
  void Add(uint32_t position, const wire::CommandSpec& spec, const wire::Request& request);
  // A SELECT that a node executes.
  void NoteSelect(uint32_t position, uint16_t database) { selects_.push_back({position, database}); }

  size_t count() const { return commands_.size(); }
  // What it takes of the memory.
  size_t held_bytes() const { return held_bytes_; }

  // The array that the client reads. Calls, in the order of queueing, `answer` for each command, which appends its
  // reply, and `select` for each database that was selected. Requires: `executed` is an array with an element for each
  // command that a node was sent.
  using Answer = std::function<void(const wire::CommandSpec& spec, const wire::Request& request, std::string* out)>;
  using Select = std::function<void(uint16_t database)>;
  net::Block Merge(std::string_view executed, net::BlockPool& pool, const Answer& answer, const Select& select) const;

 private:
  struct SplicedCommand {
    uint32_t position;
    const wire::CommandSpec* spec;
    std::string encoded;
    std::vector<wire::ArgumentSpan> arguments;
  };
  struct QueuedSelect {
    uint32_t position;
    uint16_t database;
  };

  std::vector<SplicedCommand> commands_;
  std::vector<QueuedSelect> selects_;
  size_t held_bytes_ = sizeof(SplicedCommands);
};

}  // namespace ringproxy::proxy
