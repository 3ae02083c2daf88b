// proxy/state/watches.h – Clients that watch keys: from WATCH to EXEC, DISCARD, UNWATCH or their end.
//
// Purpose: a watch is a node's memory of one connection, so each client that watches has a link of its own to the node
// of its keys, and all that it sends to that node takes it. Whatever becomes of that link before EXEC is written, EXEC
// reads nil: nothing was executed, try again. It does so, too, when another configuration has come into force, by which
// the keys may lie elsewhere; and when the client has done nothing for `watch_idle`. EXEC hands the link on to the
// execution; otherwise it is made clean by an UNWATCH, or closed when that fails. Threads: its worker's. Lifetime: the
// sink outlives it. Promise: one OnReply or OnFailure to the sink for each Start and Execute.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "backends/link/pinned_links.h"
#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "proxy/route/routed_request.h"
#include "proxy/state/executions.h"
#include "proxy/state/one_place.h"
#include "proxy/state/transaction.h"

namespace ringproxy::proxy {

class Watches final : public backends::ReplySink {
 public:
  explicit Watches(backends::ReplySink& sink) : sink_(sink) {}
  ~Watches();

  // WATCH. The client is its lane. `others`: links to nodes that it has for something else. Requires: nothing of the
  // client is under way.
  void Start(RoutedRequest& routed, const Origin& origin, uint32_t others, backends::Ticket ticket);
  // Why the command cannot be part of the client's transaction: its keys lie elsewhere than those that it watches. The
  // views are valid until the next call.
  std::optional<wire::Failure> RefusalOf(uint32_t client, const wire::CommandSpec& spec, const wire::Request& request,
                                         const KeyRouting& routing);
  // EXEC of a client that may watch something: ends that. Requires: the transaction is begun, and not aborted.
  void Execute(Transaction& transaction, const Origin& origin, Executions& executions, backends::Ticket ticket);
  // The client watches nothing any more, or leaves.
  void End(uint32_t client);
  // It has done nothing for too long: the link is for others, and EXEC reads nil.
  void Lose(uint32_t client);
  // Its link for somebody else, who makes it clean; EXEC reads nil. nullptr: it has none. Requires: no
  // WATCH of it is under way.
  std::unique_ptr<backends::PinnedLease> TakeLink(uint32_t client);
  // It has another protocol or database from now on; what it watches stays where it is.
  void Follow(uint32_t client, backends::Flavour flavour);

  // Of the node, for tickets of Kind::kWatch.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  // The client's link, or nullptr.
  backends::PinnedLease* LinkOf(uint32_t client) {
    Watch* const watch = Find(client);
    return watch != nullptr ? watch->lease.get() : nullptr;
  }
  size_t size() const { return watches_.size(); }
  // About once a second: gives idle memory back.
  void Tick() { calls_.ShrinkIfUnused(); }

 private:
  enum class WatchState : uint8_t {
    kAsked,   // The first WATCH is not answered yet.
    kSet,     // On the link, as long as that is kept.
    kLost,    // EXEC reads nil.
    kFailed,  // No WATCH has succeeded: EXEC reads that nothing was executed.
  };
  struct Watch {
    uint64_t serial = 0;
    WatchState state = WatchState::kAsked;
    std::unique_ptr<backends::PinnedLease> lease;  // None: kFailed.
    backends::Flavour flavour;                     // What the link speaks.
    NodeId node;                                   // By this configuration:
    uint64_t snapshot = 0;                         // Its number.
    std::string key;                               // The first one.
  };
  enum class WatchPurpose : uint8_t { kWatch, kFollow, kUnwatch };
  // A request of these on its way.
  struct WatchCall {
    WatchPurpose purpose = WatchPurpose::kWatch;
    backends::Ticket ticket;  // kWatch: whom to answer.
    uint32_t client = 0;      // kWatch, kFollow: whose watch it concerns, if that is still the one of
    uint64_t serial = 0;      // this number.
    std::unique_ptr<backends::PinnedLease> lease;  // kUnwatch
  };

  Watch* Find(uint32_t client);
  Watch* Find(const WatchCall& call);
  // Whether EXEC would find the watch in force.
  static bool Holds(const Watch& watch, const HeldSnapshot& held);
  // A watch of the client that is still to be asked for, or nullptr: the ticket has been failed.
  Watch* Open(NodeId node, const Origin& origin, uint32_t others, backends::Ticket ticket);
  // Others may have its link, if that can be made clean.
  void GiveBack(uint32_t client, Watch& watch);
  uint32_t NewCall(WatchPurpose purpose, uint32_t client, const Watch& watch);
  void Say(Watch& watch, uint32_t client, std::string_view request);
  WatchCall TakeCall(uint32_t place);

  backends::ReplySink& sink_;
  std::unordered_map<uint32_t, Watch> watches_;  // By client.
  net::PlaceList<WatchCall> calls_;
  uint64_t serial_ = 0;
  OnePlace one_place_;
};

}  // namespace ringproxy::proxy
