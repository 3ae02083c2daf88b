// backends/link/pinned_links.h – A worker's links to one node that one client each has for itself.
//
// Purpose: what leaves something on a connection (WATCH), or keeps it from everybody else (a command that waits), is
// sent over a link that is leased for as long as it takes. A lease may name a lane: then all that the lane sends to the
// node takes this link, and so stays in order with what was begun there. A link whose lease ends clean serves the next
// lease of its flavour; one that may be in any state is closed. One that carries one client's subscriptions closes with
// its lease. However many clients need one at once, they are opened in turns: see ConnectTurns.
// Threads: its worker's. Lifetime: all that it is given outlives it; a lease may outlive it and is lost then.
// Bounds: settings.pinned_per_node leases at a time. Memory: a link more for each that still waits for its last reply;
// links are kept and used again, never freed, so that whoever is on the stack or in a flush list stays valid.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/health/connect_turns.h"
#include "backends/lane.h"
#include "backends/link/control_link.h"
#include "backends/link/node_connection.h"
#include "backends/link/subscription_link.h"

namespace ringproxy::backends {

class PinnedLinks;

// A link that its owner has for itself until this dies.
class PinnedLease {
 public:
  // Closes the link when the replies under way are in, for nobody knows what state it is in.
  ~PinnedLease();
  PinnedLease(const PinnedLease&) = delete;
  PinnedLease& operator=(const PinnedLease&) = delete;

  // As NodeConnection. Requires: has_link().
  void Send(net::Block requests, Ticket ticket, wire::Work work = wire::Work::kPlain, uint32_t count = 1) {
    connection_->Send(std::move(requests), ticket, work, count);
  }
  void Send(std::string_view request, Ticket ticket, wire::Work work = wire::Work::kPlain) {
    connection_->Send(request, ticket, work);
  }
  // A request to which the node replies when it likes, at the latest after so many seconds; 0: without end.
  void Wait(net::Block request, Ticket ticket, uint32_t seconds) {
    connection_->Send(std::move(request), ticket, wire::Work::kBlocking, 1, seconds);
  }
  // To the same node, over its control link.
  void SendBeside(std::string_view request, Ticket ticket);
  // The connection closes now, and what is under way on it fails; another one takes its place.
  void Break();
  // False once the node is being left, which takes all links of it back.
  bool has_link() const { return connection_ != nullptr; }
  // The link waits to be opened, and with it all that was sent.
  bool is_waiting() const { return has_link() && !connection_->ready(); }
  // What is on the connection from now on is gone when it breaks.
  void Mark() { losses_ = has_link() ? std::optional(connection_->losses()) : std::nullopt; }
  // It is the one and same connection since Mark.
  bool IsKept() const { return has_link() && losses_ && *losses_ == connection_->losses(); }
  // Of the node. Requires: has_link().
  const NodeSettings& settings() const;
  NodeStats& stats() const;
  // Its lane takes it no more.
  void LeaveLane();
  // What the link speaks is no more what its flavour says: it serves nobody else afterwards.
  void Alter() { is_altered_ = true; }
  // Likewise: its owner says there what makes it one of this flavour, and a connection that takes its place is one.
  // Requires: has_link().
  void Become(Flavour flavour) {
    Alter();
    connection_->Become(flavour);
  }
  // Instead of its end as above: nothing of this lease is left on the link, which may serve the next one.
  static void Return(std::unique_ptr<PinnedLease> lease);
  // Likewise: the link closes at once, whatever is under way on it.
  static void Abandon(std::unique_ptr<PinnedLease> lease);
  // The worker ends, and its links with it: nobody shall hear of them.
  static void Forget(std::unique_ptr<PinnedLease> lease);

 private:
  friend class PinnedLinks;
  PinnedLease(PinnedLinks& links, NodeConnection& connection, std::optional<uint32_t> lane)
      : links_(links), connection_(&connection), lane_(lane) {}

  PinnedLinks& links_;  // Valid while there is a connection.
  NodeConnection* connection_;
  std::optional<uint32_t> lane_;
  std::optional<uint64_t> losses_;  // With Mark.
  bool is_altered_ = false;
};

// A link that carries the subscriptions of one client until this dies. It stays leased while the node is drained.
class SubscriptionLease {
 public:
  ~SubscriptionLease();
  SubscriptionLease(const SubscriptionLease&) = delete;
  SubscriptionLease& operator=(const SubscriptionLease&) = delete;

  SubscriptionLink& link() { return link_; }

 private:
  friend class PinnedLinks;
  SubscriptionLease(PinnedLinks& links, SubscriptionLink& link) : links_(links), link_(link) {}

  PinnedLinks& links_;  // They outlive it.
  SubscriptionLink& link_;
};

class PinnedLinks {
 public:
  // How long a link that nobody leases is kept.
  static constexpr std::chrono::seconds kKept{60};

  // `control`, `turns`: the node's.
  PinnedLinks(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, ControlLink& control,
              ConnectTurns& turns)
      : parts_(parts), guard_(guard), sink_(sink), control_(control), turns_(turns) {}
  ~PinnedLinks();

  // nullptr: as many are leased as may be, or the node is being left. `lane`: the one that sends all over it, if it
  // shall. Requires: the lane has no other here.
  std::unique_ptr<PinnedLease> Lease(Flavour flavour, std::optional<uint32_t> lane);
  // nullptr: as many are leased as may be. It is opened by whoever uses it.
  std::unique_ptr<SubscriptionLease> LeaseSubscription();
  // The link that the lane has leased, or nullptr.
  NodeConnection* Find(uint32_t lane) const {
    const auto found = by_lane_.find(lane);
    return found != by_lane_.end() ? found->second : nullptr;
  }

  // All leases are lost; the links close when the replies under way are in. None is leased before Reopen.
  void Drain();
  void Reopen();
  // The node leaves the pool: whoever is subscribed over these links hears no more of them.
  void LeaveSubscriptions();
  void Hurry();
  // Once a second.
  void Tick();
  bool is_closed() const;
  size_t in_flight() const;
  size_t leased() const { return leased_; }

 private:
  friend class PinnedLease;
  friend class SubscriptionLease;
  struct PinnedEntry {
    std::unique_ptr<NodeConnection> connection;
    Flavour flavour{};
    PinnedLease* lease = nullptr;
    bool is_idle = false;  // Open, and clean.
    uint32_t idle_seconds = 0;
    uint64_t idle_losses = 0;  // Of the connection, when it became idle.
  };

  PinnedEntry* FindFree(Flavour flavour);
  // One lease more or less.
  void Count(int change);
  // No more links are open than may be leased: one that nobody leases closes.
  void MakeRoom();
  PinnedEntry& EntryOf(const PinnedLease& lease);
  static bool IsClosed(const PinnedEntry& entry) {
    const LinkState state = entry.connection->state();
    return state == LinkState::kClosed || state == LinkState::kIdle;
  }
  void Close(PinnedEntry& entry);
  // The lease is over; what becomes of its link is the caller's.
  PinnedEntry& End(PinnedLease& lease);

  const NodeLink::LinkParts parts_;
  NodeGuard& guard_;
  ReplySink& sink_;
  ControlLink& control_;
  ConnectTurns& turns_;
  std::vector<std::unique_ptr<PinnedEntry>> entries_;
  std::unordered_map<uint32_t, NodeConnection*> by_lane_;
  std::vector<std::unique_ptr<SubscriptionLink>> subscriptions_;
  std::vector<SubscriptionLink*> unleased_;  // Of these; closed.
  size_t leased_ = 0;
  bool takes_ = true;
};

}  // namespace ringproxy::backends
