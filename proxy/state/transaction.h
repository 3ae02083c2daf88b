// proxy/state/transaction.h – The commands of one client between MULTI and EXEC.
//
// Purpose: keeps them as they came, to be sent in one piece at EXEC: until then no node hears of them, so a client that
// leaves has sent nothing. All keys have to lie on one node, that of the first key; in pools whose transactions are per
// node those of one command have to, and each node gets a piece. A command that cannot be part of the transaction
// aborts it, and EXEC then says so, as Redis has it.
// Threads: its session's. Ownership: its client's; the pool of its bytes outlives it. Bounds: kMostCommands,
// kMostBytes, and so many bytes as one request may have.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/net/block_pool.h"
#include "backends/wire/command.h"
#include "backends/wire/error_text.h"
#include "backends/wire/request.h"
#include "proxy/route/router.h"
#include "proxy/route/script_texts.h"
#include "proxy/state/spliced_commands.h"

namespace ringproxy::proxy {

// By what a command's keys are routed.
struct KeyRouting {
  const Snapshot& snapshot;
  uint32_t listener;
};

// The part of a transaction that one node executes.
struct TransactionPart {
  NodeId node;
  uint32_t commands = 0;
  wire::Work work = wire::Work::kPlain;
  // A SELECT stands before EXEC, so that the link is in its database again: EXEC's array has an element more.
  bool restores_database = false;
  net::Block requests;  // MULTI, the commands and EXEC.

  // One that would be a burden to whoever shares a link with it.
  bool is_large() const;
};

class Transaction {
 public:
  static constexpr uint32_t kMostCommands = 65'536;
  static constexpr size_t kMostBytes = 256 << 20;
  // Beyond these it takes a link of its own.
  static constexpr uint32_t kSharedCommands = 1000;
  static constexpr size_t kSharedBytes = 1 << 20;

  // Takes the command in. Else it is aborted, and the failure says why; its views are valid until the next call, and
  // no longer than the request.
  // Requires: CheckShape is kOk, RefusalOf is empty, and nodes may execute it.
  std::optional<wire::Failure> Queue(const wire::CommandSpec& spec, const wire::Request& request,
                                     const KeyRouting& routing, net::BlockPool& pool);
  // The same for a command that the proxy will do itself: see SplicedCommands.
  std::optional<wire::Failure> Splice(const wire::CommandSpec& spec, const wire::Request& request,
                                      const KeyRouting& routing);
  // The command that was queued last selects a database.
  void NoteSelect(uint16_t database);
  // A command was refused: EXEC will execute nothing.
  void Abort() { is_aborted_ = true; }
  bool is_aborted() const { return is_aborted_; }
  // Of the commands for nodes.
  uint32_t count() const { return static_cast<uint32_t>(commands_.size()); }
  // Of all.
  uint32_t queued() const { return count() + static_cast<uint32_t>(spliced_ ? spliced_->count() : 0); }
  // What is to be done once it was executed; none if there is nothing. Once.
  std::unique_ptr<SplicedCommands> TakeSpliced() { return std::move(spliced_); }
  const SplicedCommands* spliced() const { return spliced_.get(); }
  // Some part of it may take a link of its own.
  bool is_large() const {
    constexpr size_t kEndRoom = 64;
    return count() > kSharedCommands || (requests_ && requests_.size() > kSharedBytes - kEndRoom);
  }
  // Has something to be sent, if only MULTI and EXEC. Before the first command.
  void Begin(net::BlockPool& pool);
  // What it takes of the memory.
  size_t held_bytes() const {
    return (requests_ ? requests_.held_bytes() : 0) + commands_.capacity() * sizeof(QueuedCommand) +
           arguments_.capacity() * sizeof(wire::ArgumentSpan) + (spliced_ ? spliced_->held_bytes() : 0);
  }

  // The last command has brought the text of a script. `at`: the node of its keys, where they may lie on several.
  void NoteScript(ScriptText text, std::optional<NodeId> at) { scripts_.push_back({std::move(text), at}); }
  // No command before has it for the same node, nor flushes all of them.
  bool NeedsScript(const ScriptText& text, std::optional<NodeId> at) const;
  // Where the command's first key lies, if keys may lie on several nodes, and it has any.
  std::optional<NodeId> NodeAmongSeveral(const wire::CommandSpec& spec, const wire::Request& request,
                                         const KeyRouting& routing);

  // The node on which all keys lie by `routing`, which may be a later one than that of Queue; where none has a key,
  // that of the empty key. None: they are for several nodes, if is_spread(), else the failure says why not.
  std::optional<NodeId> FindNode(const KeyRouting& routing, wire::Failure* failure);
  // Some of its keys lie on other nodes than the others, and may.
  bool is_spread() const { return is_spread_; }
  // Instead of TakeWhole: one part a node, in the order of their first commands. `part_of_command`: for each command
  // its part. One without keys goes with the command before it, so that what it publishes follows what that has
  // written; the first ones go with the one behind them. Requires: FindNode has just said so by `routing`.
  std::vector<TransactionPart> Split(const KeyRouting& routing, net::BlockPool& pool,
                                     std::vector<uint32_t>* part_of_command);
  // What it makes its node do.
  wire::Work work() const { return work_; }
  // All of it, for one node. `database`: that of the link. Once; it is of no use afterwards. Requires: count() > 0 or
  // Begin, and it is not aborted.
  TransactionPart TakeWhole(NodeId node, uint16_t database, net::BlockPool& pool);

  // Calls `visit(spec, request)` for each command, in order. The views are valid until the next Queue.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    const std::span<const wire::ArgumentSpan> arguments(arguments_);
    for (const QueuedCommand& command : commands_) {
      const std::string_view encoded = requests_.bytes().substr(command.offset, command.size);
      visit(*command.spec, wire::Request(encoded, arguments.subspan(command.first_argument, command.arguments)));
    }
  }

 private:
  static constexpr std::string_view kBegin = "*1\r\n$5\r\nMULTI\r\n";
  static constexpr std::string_view kEnd = "*1\r\n$4\r\nEXEC\r\n";

  struct QueuedCommand {
    const wire::CommandSpec* spec;
    uint32_t offset;  // In requests_.
    uint32_t size;
    uint32_t first_argument;  // In arguments_.
    uint32_t arguments;
  };

  // A key, and where it lies.
  struct PlacedKey {
    NodeId node;
    std::string_view key;
  };
  // Sees to it that the command's keys may be in one transaction with `first`, its first key, which is that of the
  // command if there was none. `own`: where the command's keys lie, if it has any.
  std::optional<wire::Failure> Join(const wire::CommandSpec& spec, const wire::Request& request,
                                    const KeyRouting& routing, std::optional<PlacedKey>* first,
                                    std::optional<PlacedKey>* own);
  wire::Failure ApartFailure(const KeyRouting& routing, const PlacedKey& a, const PlacedKey& b);
  std::optional<wire::Failure> Refuse(const wire::Failure& failure) {
    is_aborted_ = true;
    return failure;
  }

  // Whether a command of so many bytes has room.
  bool HasRoom(size_t bytes, const KeyRouting& routing) const;

  net::Block requests_;  // MULTI and the commands, with room for EXEC; none before the first one.
  std::vector<QueuedCommand> commands_;
  std::vector<wire::ArgumentSpan> arguments_;  // Of all commands, each within its own.
  struct BroughtScript {
    ScriptText text;
    std::optional<NodeId> at;
  };
  std::vector<BroughtScript> scripts_;
  std::unique_ptr<SplicedCommands> spliced_;
  wire::Work work_ = wire::Work::kPlain;
  bool is_aborted_ = false;
  bool is_spread_ = false;
  bool flushes_scripts_ = false;
  bool selects_ = false;                         // Some command selects a database.
  std::optional<wire::ArgumentSpan> first_key_;  // In requests_: where it lies, all the others have to.
  NodeId node_;                                  // That is there, by the snapshot routed_by_.
  uint64_t routed_by_ = 0;                       // Its number; 0: the commands were routed by several.
  std::string names_[2];                         // Of two nodes that do not agree.
  wire::KeyPositions keys_;
};

inline bool TransactionPart::is_large() const {
  return commands > Transaction::kSharedCommands || requests.size() > Transaction::kSharedBytes;
}

}  // namespace ringproxy::proxy
