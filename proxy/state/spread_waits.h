// proxy/state/spread_waits.h – Blocking commands whose keys lie on several nodes.
//
// Purpose: two nodes that both pop cannot be undone, so no two are ever asked to pop at a time. The nodes are asked in
// the order of the keys, by probes. If none has anything, then
// - lists are waited for by waiters, each over a link of its own, that take nothing: as soon as a list has an element
//   its first one is moved onto its own place, and a probe asks for it. Where another was faster the waiter begins
//   anew;
// - sorted sets know no such waiter: the command waits at one node after the other for a moment. So do lists where a
//   node refuses waiters or probes: a full one does, though its lists can be popped.
// - streams are read, and nothing is taken from them: all nodes are asked at once, and the first that has something
//   ends the wait at the others, whose data, if they have any by then, is part of the reply. "$" is what it is at the
//   start.
// The nodes keep the time; what ends early is ended by CLIENT UNBLOCK, and its link serves the next lease.
// The configuration that is in force is asked anew for each step: a wait may outlive many.
// Threads: its worker's. Lifetime: what it is given outlives it. Bounds: SpreadRequest::kMostKeys, pinned_per_client,
// pinned_per_node. Promise: one OnReply or OnFailure to the sink for each Start, unless the client leaves.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/routed_request.h"
#include "proxy/state/deliveries.h"
#include "proxy/state/give_backs.h"
#include "proxy/state/spread_wait.h"

namespace ringproxy::proxy {

class SpreadWaits final : public backends::ReplySink {
 public:
  // `held`: the configuration in force.
  SpreadWaits(backends::ReplySink& sink, backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held,
              GiveBacks& give_backs, Deliveries& deliveries)
      : sink_(sink), io_(io), held_(held), give_backs_(give_backs), deliveries_(deliveries) {}
  ~SpreadWaits();

  // Requires: SpreadRequest::Takes; nothing of the client, which is its lane, is under way. `links`: those that it has
  // for itself.
  void Start(const RoutedRequest& routed, const Origin& origin, uint32_t links, backends::Ticket ticket);
  // As Waits. `has_ended`: the client, its side, and what is popped for it from then on goes back.
  void Cut(uint32_t client, WaitEnd as, bool has_ended = false);
  // Nobody waits, and nothing is under way of those that have left.
  bool is_idle() const { return waits_.in_use() == 0; }
  // As what its wait is to end; none: it does not wait.
  std::optional<WaitEnd> EndOf(uint32_t client) const;
  void Leave(uint32_t client);

  // Of the nodes, for tickets of Kind::kSpreadWait.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

 private:
  using enum SpreadWait::SpreadQuestion;
  using Next = SpreadWait::Next;
  using WaiterState = SpreadWaiter::WaiterState;

  // What is to be done now, whatever has happened.
  void Advance(uint32_t place);
  void EndWaiters(uint32_t place);
  // The next nodes are asked in the order of the keys, or the waiter's one.
  void AskInTurn(uint32_t place);
  void AskFor(uint32_t place, std::vector<uint32_t> keys, std::optional<uint32_t> waiter);
  void OnProbe(uint32_t place, Probe::ProbeResult result);
  // XREAD from the end of a stream on.
  void AskForEnd(uint32_t place);
  void OnStreamEnd(uint32_t place, backends::Reply&& reply);
  // A waiter for each list, or for the streams of each node; a turn at the next node.
  void SendWaiters(uint32_t place);
  void TakeTurn(uint32_t place);
  // False: there is none, and the wait is over.
  bool Lease(uint32_t place, size_t waiter);
  void Send(uint32_t place, size_t waiter);
  void OnWaiter(uint32_t place, uint32_t waiter, backends::Reply&& reply);
  void Finish(uint32_t place);

  // The client is told, or need not be any more: what is still at the nodes is to end. Returns whom to tell.
  backends::Ticket MarkAnswered(uint32_t place);
  // The client is told; what was popped for one that has left goes back. `by`: what has popped it; none: a probe.
  void Answer(uint32_t place, backends::Reply&& reply, SpreadWaiter* by = nullptr);
  void Release(uint32_t place);

  backends::ReplySink& sink_;
  backends::WorkerIo& io_;
  const std::unique_ptr<HeldSnapshot>& held_;
  GiveBacks& give_backs_;
  Deliveries& deliveries_;
  net::PlaceList<SpreadWait, std::deque<SpreadWait>> waits_;  // References stay valid.
  std::unordered_map<uint32_t, uint32_t> by_client_;
};

}  // namespace ringproxy::proxy
