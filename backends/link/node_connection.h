// backends/link/node_connection.h – One connection to a node that the requests of many clients share.
//
// Purpose: puts the three together: the link carries bytes, the pipeline knows whose they are, the witness tells the
// node's guard what became of them. What one finds out that concerns another is passed on here.
// Requests of one turn leave in one write. Those that come while the link connects for the first time wait for it;
// after a failed attempt they fail at once. One of which no byte has left when its time is over never leaves, since its
// client may have sent it again. Only a node that stays silent for several timeouts is given up. A client's
// request waits at most timeouts.total, the wait for the connection included. A ticket of Kind::kInternal is the
// guard's own probe. Threads: its worker's. Ownership: its NodePool's; io, settings, guard, sink and stats outlive it.
// Promise: exactly one OnReply or OnFailure follows each Send, possibly before Send returns (a failure).
#pragma once

#include <string_view>

#include "backends/health/node_guard.h"
#include "backends/link/node_link.h"
#include "backends/link/node_witness.h"
#include "backends/link/reply_pipeline.h"
#include "backends/net/block_pool.h"
#include "backends/node_settings.h"

namespace ringproxy::backends {

class NodeConnection final : private NodeLink::User {
 public:
  NodeConnection(WorkerIo& io, const NodeSettings& settings, NodeGuard& guard, ReplySink& sink, FlushList& flush_list,
                 NodeStats& stats);

  // Opens it, now or as soon as the guard allows.
  void Connect() { link_.Connect(); }
  // `request` is copied into this turn's batch; a large one, in a block of its own, is moved.
  void Send(std::string_view request, Ticket ticket, wire::Work work = wire::Work::kPlain);
  void Send(net::Block request, Ticket ticket, wire::Work work = wire::Work::kPlain);
  // The node is well again: ends the wait before the next attempt.
  void Hurry() { link_.Hurry(); }
  // No more requests will come: closes when the last reply is in.
  void Drain();
  // Takes Drain back: opens it anew once it is closed.
  void Reopen() { link_.Reopen(); }

  LinkState state() const { return link_.state(); }
  // Requests are taken: they leave now or as soon as the connection is ready.
  bool accepts() const { return ready() || (guard_.takes_connections() && link_.accepts()); }
  bool ready() const { return state() == LinkState::kReady; }
  size_t in_flight() const { return pipeline_.size(); }
  // Requests that it has ever taken, and whether the first `sent` of them are in flight no more.
  uint64_t sent() const { return pipeline_.sent(); }
  bool IsGone(uint64_t sent) const { return pipeline_.IsGone(sent); }

 private:
  net::Duration WaitToConnect() override { return guard_.WaitToConnect(ready()); }
  void OnReady() override;
  void OnBytes() override;
  void OnFlushed(size_t written, size_t left) override { pipeline_.OnFlushed(written, left); }
  void OnConnectFailed(std::string_view why) override { witness_.OnConnectFailed(why); }
  void OnLost(std::string_view why) override;

  // nullptr: it has been failed.
  InFlight* Admit(size_t request_bytes, Ticket ticket, wire::Work work);
  void CheckDeadlines();
  // Takes back what has failed and of which nothing is written.
  void DropUnwritten();

  net::Loop& loop_;
  const NodeSettings& settings_;
  NodeGuard& guard_;
  NodeWitness witness_;
  ReplyPipeline pipeline_;
  NodeLink link_;
};

}  // namespace ringproxy::backends
