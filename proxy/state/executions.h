// proxy/state/executions.h – Transactions that were sent to their nodes and are not answered yet.
//
// Purpose: a transaction leaves as one batch, MULTI, its commands and EXEC, so that nothing comes between them on a
// shared link; a large one over a link of its own, so that others do not wait behind it. The client has read +QUEUED
// for its commands long ago: what the node says to them is read here for refusals, and the client gets the reply to
// EXEC, or the words why nothing was executed. Where nobody can know whether it was, the client reads that, and never
// that it was not. Nothing of a transaction is ever sent a second time. One whose keys lie on several nodes, where its
// pools allow that, is a batch at each of them: see SplitExecutions. Threads: its worker's. Lifetime: the sink outlives
// it. Promise: one OnReply or OnFailure to the sink for each Start.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "backends/link/pinned_links.h"
#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/routed_request.h"
#include "proxy/state/split_executions.h"
#include "proxy/state/transaction.h"

namespace ringproxy::proxy {

class Executions final : public backends::ReplySink {
 public:
  Executions(backends::WorkerIo& io, backends::ReplySink& sink) : io_(io), sink_(sink), split_(io, sink) {}
  ~Executions();

  // Sends it to its node or nodes, possibly failing before it returns. Requires: it is not aborted, and it has
  // commands.
  void Start(Transaction& transaction, const Origin& origin, backends::Ticket ticket);
  // Likewise over the link on which its client watches keys, to the node where they lie; it may have no commands. If
  // nothing of it was written the client reads nil.
  struct WatchedNode {
    NodeId node;
    std::unique_ptr<backends::PinnedLease> link;
  };
  void StartWatched(Transaction& transaction, const Origin& origin, WatchedNode watched, backends::Ticket ticket);
  // What EXEC reads when a watched key may have changed.
  static std::string_view NilOf(uint8_t protocol) { return protocol == 2 ? "*-1\r\n" : "_\r\n"; }

  // Of the node.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  // What hears of tickets of the kind kExecutionPart.
  backends::ReplySink& parts() { return split_; }

  size_t open() const { return entries_.in_use(); }
  // About once a second: gives idle memory back.
  void Tick() {
    entries_.ShrinkIfUnused();
    split_.Tick();
  }

 private:
  struct Execution {
    backends::Ticket ticket;
    uint32_t to_come = 0;     // Replies to the commands, that to EXEC not included.
    bool is_begun = false;    // The reply to MULTI is there.
    bool is_watched = false;  // The client watches keys on the link.
    bool restores = false;    // The last element of EXEC's array is of a SELECT that the client has not queued.
    bool is_strange = false;  // MULTI was refused, so that the commands were executed one by one.
    std::string refusal;      // The first one that the node gave to a command, without the type.
    std::string_view node;    // Its name, which `held` has.
    SnapshotUse held;
    std::unique_ptr<backends::PinnedLease> link;  // Of its own.
    uint8_t protocol = 2;
  };

  // To several nodes, or to none if one of them is known to be down.
  void StartParts(Transaction& transaction, const Origin& origin, backends::Ticket ticket);
  // Whether the node may be sent something. No: the ticket has been failed.
  bool MayStart(NodeId to, const Origin& origin, backends::Ticket ticket);
  void Send(TransactionPart part, const Origin& origin, backends::Ticket ticket);
  // Over a link of its own.
  void SendLarge(TransactionPart part, const Origin& origin, backends::Ticket batch);
  // A place for one that goes to the node.
  uint32_t Open(const TransactionPart& part, const Origin& origin, backends::Ticket ticket);
  // The reply to EXEC without its last element. False: that is no +OK.
  bool DropLast(backends::Reply* reply);
  void Discard(backends::Ticket ticket, const wire::Failure& failure);
  void Finish(uint32_t place, backends::Reply&& reply);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  net::PlaceList<Execution> entries_;
  SplitExecutions split_;
};

}  // namespace ringproxy::proxy
