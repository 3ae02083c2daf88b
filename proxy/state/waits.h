// proxy/state/waits.h – Commands that wait at a node for what others will write: BLPOP and its like.
//
// Purpose: each has a link for itself for as long as it waits; the client's own, if it watches keys of that node. It
// ends by the node's reply, by its own timeout, which the node keeps, or by Cut, which has the node end it as if its
// time were over, or by an error: then nothing that was popped is lost. What may pop is ended likewise when its client
// leaves, and what it has popped by then goes back (GiveBacks), also out of the client's output (Deliveries); all else
// loses its link then. What is lost with the link reads as that, and never as nil. What has its keys on several nodes
// is SpreadWaits', and what waits for replicas ReplicaWaits'. A node that cannot be told of the end of a wait loses the
// link. Threads: its worker's. Lifetime: what it is given outlives it. Promise: one OnReply or OnFailure to the sink
// for each Start, unless the client leaves.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "backends/link/pinned_links.h"
#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/routed_request.h"
#include "proxy/state/one_place.h"
#include "proxy/state/popped_data.h"
#include "proxy/state/wait_patience.h"

namespace ringproxy::proxy {

class Deliveries;
class GiveBacks;
class ReplicaWaits;
class SpreadWaits;
class Watches;

class Waits final : public backends::ReplySink {
 public:
  // `held`: the configuration in force.
  Waits(backends::ReplySink& sink, backends::WorkerIo& io, const std::unique_ptr<HeldSnapshot>& held);
  ~Waits();

  struct ClientLinks {
    backends::PinnedLease* own;  // Its link to some node, if it has one; it outlives the wait.
    uint32_t subscribed;         // How many more it has for its subscriptions.
  };
  // The client is its lane. Requires: nothing of the client is under way.
  void Start(RoutedRequest& routed, const Origin& origin, ClientLinks links, backends::Ticket ticket);
  // Has the node end the wait of the client, if it waits. To be repeated for as long as it does: the node may not have
  // begun to. The first word counts.
  void Cut(uint32_t client, WaitEnd as = WaitEnd::kTimeout);
  bool IsWaiting(uint32_t client) const;
  // It waits, and was cut.
  bool IsEnding(uint32_t client) const;
  // The client has ended its side. As Cut; what the node has popped for it by then goes back, for a server would have
  // freed such a client at once. `watches`: where the link is from over which it watches, if it waits on that.
  void EndOfClient(uint32_t client, Watches& watches);
  // The client is gone: what it waits for is for others.
  void Leave(uint32_t client, Watches& watches);
  // About once a second: those that are gone are ended where the node had not begun to wait before.
  void Tick();
  // Nobody waits, and nothing that was popped is on its way back.
  bool is_settled() const;

  // Of the node, for tickets of Kind::kWait.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  // For tickets of Kind::kSpreadWait.
  backends::ReplySink& spread();
  // For tickets of Kind::kReplicaWait.
  backends::ReplySink& replicas();
  // For tickets of Kind::kGiveBack.
  backends::ReplySink& give_backs();
  Deliveries& deliveries() { return *deliveries_; }

 private:
  // What is asked with the ticket of a wait, by its slot.
  enum WaitQuestion : uint32_t { kCommand, kNumber, kMoment, kUnblock };
  struct WaitEntry {
    backends::Ticket ticket;
    uint32_t client = 0;
    uint32_t generation = 0;  // Of the place.
    std::unique_ptr<backends::PinnedLease> owned;
    backends::PinnedLease* link = nullptr;  // That one, or the client's own; nullptr: given up.
    int64_t number = 0;                     // Of the link at the node; 0: not known yet; -1: it does not tell.
    WaitEnd end{};                          // As soon as that is known.
    uint32_t unblocks = 0;                  // CLIENT UNBLOCKs of it that the node has not answered.
    uint32_t missed = 0;                    // Those to which it was not waiting.
    PoppedFrom from{};                      // kNone, too, where it is not to be given back.
    uint8_t protocol = 2;
    bool has_ended = false;  // The client, its side;
    bool is_told = false;    // and the node was told to end the wait.
    bool is_gone = false;
  };

  WaitEntry* Find(backends::Ticket ticket);
  // The place is free, and tickets for it lead nowhere.
  WaitEntry Take(uint32_t place);
  // The client has ended its side: the wait has its link for itself from now on.
  void Detach(uint32_t place, Watches& watches);
  void Unblock(uint32_t place);
  // The node cannot be told to end it, so the link closes.
  void GiveUp(uint32_t place);

  // A wait that has ended well: its reply is its client's, and its link for others. Or the reply goes back.
  void Deliver(WaitEntry&& entry, backends::Reply&& reply, bool is_clean);

  backends::ReplySink& sink_;
  backends::WorkerIo& io_;
  const std::unique_ptr<GiveBacks> give_backs_;
  const std::unique_ptr<Deliveries> deliveries_;
  const std::unique_ptr<SpreadWaits> spread_;  // Whose keys lie on several nodes.
  const std::unique_ptr<ReplicaWaits> replicas_;
  net::PlaceList<WaitEntry> entries_;
  std::unordered_map<uint32_t, uint32_t> by_client_;
  OnePlace one_place_;
};

}  // namespace ringproxy::proxy
