// proxy/state/spliced_commands.h – What of a client's transaction the proxy does itself, once a node has executed the
// rest.
//
// Purpose: commands about clients (CLIENT SETNAME, CLIENT LIST), the proxy (COMMAND) or all nodes (INFO) are queued
// like all others and no part of what a node executes: their replies are put into EXEC's array where they were queued.
// Also knows which elements say that the client is in another database now. Threads: its session's. Bounds: kMost, and
// what its transaction allows.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/block_pool.h"
#include "backends/wire/command.h"
#include "backends/wire/request.h"

namespace ringproxy::proxy {

struct SplicedCommand {
  // Whether nodes have to be asked for the reply; whether nodes or workers have to.
  bool asks_nodes() const {
    return spec->handling == wire::Handling::kServers || spec->handling == wire::Handling::kPubSub;
  }
  bool asks() const {
    return asks_nodes() || (spec->handling == wire::Handling::kClients && spec->name != "client|info");
  }
  wire::Request request() const { return {encoded, arguments}; }

  uint32_t position;  // Among all commands of the transaction.
  const wire::CommandSpec* spec;
  std::string encoded;
  std::vector<wire::ArgumentSpan> arguments;
};

class SplicedCommands {
 public:
  // The proxy does all of them at once, while other clients wait.
  static constexpr size_t kMost = 1000;

  // `position`: among all commands of the transaction, which rises from call to call.
  void Add(uint32_t position, const wire::CommandSpec& spec, const wire::Request& request);
  // A SELECT that a node executes.
  void NoteSelect(uint32_t position, uint16_t database) { selects_.push_back({position, database}); }

  // In the order of queueing.
  std::span<const SplicedCommand> commands() const { return commands_; }
  size_t count() const { return commands_.size(); }
  // Some of them ask.
  bool asks() const { return asks_; }
  // Calls `visit(spec, request)` for each that asks nodes, in order.
  template <typename Visit>
  void ForEachAsked(Visit&& visit) const {
    for (const SplicedCommand& command : commands_) {
      if (command.asks_nodes()) visit(*command.spec, command.request());
    }
  }
  // What it takes of the memory.
  size_t held_bytes() const { return held_bytes_; }

  // The array that the client reads. Calls, in the order of queueing, `answer` for each command, which appends its
  // reply, and `select` for each database that was selected. Requires: `executed` is an array with an element for each
  // command that a node was sent.
  using Answer = std::function<void(const SplicedCommand& command, std::string* out)>;
  using Select = std::function<void(uint16_t database)>;
  net::Block Merge(std::string_view executed, net::BlockPool& pool, const Answer& answer, const Select& select) const;

 private:
  struct QueuedSelect {
    uint32_t position;
    uint16_t database;
  };

  std::vector<SplicedCommand> commands_;
  std::vector<QueuedSelect> selects_;
  size_t held_bytes_ = sizeof(SplicedCommands);
  bool asks_ = false;
};

}  // namespace ringproxy::proxy
