// backends/link/node_connection.h – One connection to a node that the requests of many clients share.
//
// Purpose: puts the three together: the link carries bytes, the pipeline knows whose they are, the witness tells the
// node's guard what became of them. What one finds out that concerns another is passed on here.
// Requests of one turn leave in one write. Those that come while the link connects for the first time wait for it;
// after a failed attempt they fail at once. One of which no byte has left when its time is over never leaves, since its
// client may have sent it again. Only a node that stays silent for several timeouts is given up. A client's
// request waits at most timeouts.total, the wait for the connection included. A ticket of Kind::kInternal is the
// guard's own probe. Threads: its worker's. Ownership: its NodePool's; io, settings, guard, sink and stats outlive it.
// Where the node refuses the connection's flavour requests fail in the node's own words, and the node is not blamed.
// Promise: exactly one OnReply or OnFailure follows each Send, possibly before Send returns (a failure).
#pragma once

#include <string>
#include <string_view>

#include "backends/health/connect_turns.h"
#include "backends/health/node_guard.h"
#include "backends/link/node_link.h"
#include "backends/link/node_witness.h"
#include "backends/link/reply_pipeline.h"
#include "backends/net/block_pool.h"
#include "backends/node_settings.h"

namespace ringproxy::backends {

class NodeConnection final : private NodeLink::User {
 public:
  // `turns`: those in which it connects where a client needs it, if it does.
  NodeConnection(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, Flavour flavour = {},
                 ConnectTurns* turns = nullptr);

  // See NodeLink.
  void Become(Flavour flavour);

  // Opens it, now or as soon as the guard allows. Where a client can be served by this one alone, that is at once, for
  // one that waits to come back too; but not one that could not be had.
  void Connect();
  // `request` is copied into this turn's batch; a large one, in a block of its own, is moved.
  void Send(std::string_view request, Ticket ticket, wire::Asked asked = {});
  // `count`: more than one are a batch, which leaves as one, so that nothing comes between its requests. Each of them
  // gets a reply (see Ticket); they time out, and are in flight, as one request. `seconds`: how long one of
  // Work::kBlocking may take, 0 being without end.
  void Send(net::Block requests, Ticket ticket, wire::Asked asked = {}, uint32_t count = 1, uint32_t seconds = 0);
  // The node is well again: ends the wait before the next attempt, but not where it refused the flavour, being well,
  // and not that for a turn.
  void Hurry() {
    if (refusal_.empty() && !turn_.is_waiting()) link_.Hurry();
  }
  // No more requests will come: closes when the last reply is in and has been handed out; at once where the node need
  // not reply.
  enum class Ending : uint8_t { kBehindReplies, kAtOnce };  // At once: what is under way fails.
  void Drain(Ending ending = Ending::kBehindReplies);
  // Takes Drain back: opens it anew once it is closed.
  void Reopen() { link_.Reopen(); }

  LinkState state() const { return link_.state(); }
  // Requests are taken: they leave now or as soon as the connection is ready.
  bool accepts() const { return ready() || (guard_.takes_connections() && link_.accepts()); }
  bool ready() const { return state() == LinkState::kReady; }
  size_t in_flight() const { return pipeline_.size(); }
  const ReplyPipeline& pipeline() const { return pipeline_; }
  // How often the connection to the node has ended.
  uint64_t losses() const { return losses_; }

 private:
  net::Duration WaitToConnect() override;
  void OnReady(ServerVersion version) override;
  void OnBytes() override;
  void OnFlushed(size_t written, size_t left) override { pipeline_.OnFlushed(written, left); }
  void OnConnectFailed(std::string_view why) override;
  void OnRefused(Flavour flavour, std::string_view why) override;
  void OnLost(std::string_view why) override;

  void TakeReplies();
  // nullptr: it has been failed.
  InFlight* Admit(size_t request_bytes, Ticket ticket, wire::Asked asked);
  void CheckDeadlines();
  // Takes back what has failed and of which nothing is written.
  void DropUnwritten();

  net::Loop& loop_;
  const NodeSettings& settings_;
  NodeGuard& guard_;
  NodeWitness witness_;
  ReplyPipeline pipeline_;
  NodeLink link_;
  bool is_plain_;           // Of the plain flavour.
  bool is_wanted_ = false;  // A client waits for this one to be opened, and can be served by no other.
  std::string refusal_;     // Why the node refuses the flavour; empty: it does not, as far as is known.
  uint64_t losses_ = 0;
  bool is_reading_ = false;    // A reply may be on the stack, and with it the bytes that came.
  bool ends_at_once_ = false;  // As soon as that is over: nobody waits for what is under way.
  ConnectTurn turn_;
};

}  // namespace ringproxy::backends
