// backends/link/node_pool.h – The nodes of one pool in one worker, by their index in the ring of one snapshot.
//
// Threads: its worker's. Lifetime: what its parts refer to, and the ring, outlive it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/health/claim.h"
#include "backends/lane.h"
#include "backends/link/pool_node.h"
#include "conf/config.h"
#include "ring/ring.h"

namespace ringproxy::backends {

class NodePool {
 public:
  // `records`: of the pool's nodes. `before`: the pool as it was; of its nodes those that fit stay as they are, and the
  // others leave.
  NodePool(const PoolNode::PoolNodeParts& parts, const conf::Pool& pool, const ring::Ring& ring,
           std::span<const std::shared_ptr<NodeRecord>> records, const NodePool* before = nullptr,
           LeavingNodes* leaving = nullptr);

  // Opens every plain connection that was never opened, so that the first request finds it ready.
  void Connect();
  void Drain();

  // The requests of one `lane` (a session) reach the node in the order sent, as long as its flavour stays the same: see
  // Lane. `asked`: what it makes the node do, and what comes back.
  template <typename Request>
  void Send(ring::NodeIndex index, Lane lane, Request&& request, Ticket ticket, wire::Asked asked = {}) {
    PoolNode& node = *nodes_[index];
    if (lane.flavour.is_plain()) return node.plain.Send(lane.number, std::forward<Request>(request), ticket, asked);
    if (lane.flavour.is_pinned) [[unlikely]]
      return SendPinned(node, lane, std::forward<Request>(request), ticket, asked);
    LinkGroup* const links = node.LinksOf(lane.flavour);
    if (links == nullptr) [[unlikely]]
      return RefuseFlavour(node, ticket);
    links->Send(lane.number, std::forward<Request>(request), ticket, asked);
  }

  // Likewise, `count` requests of which each gets a reply, and nothing comes between them: see Ticket.
  void SendBatch(ring::NodeIndex index, Lane lane, net::Block requests, uint32_t count, Ticket ticket,
                 wire::Asked asked);

  // A link for one client alone, see PinnedLinks; nullptr: there is none to be had.
  std::unique_ptr<PinnedLease> Pin(ring::NodeIndex index, Flavour flavour, std::optional<uint32_t> lane) {
    return nodes_[index]->pinned.Lease(flavour, lane);
  }
  // The link that the lane has for itself at the node, or nullptr.
  NodeConnection* PinnedTo(ring::NodeIndex index, uint32_t lane) const { return nodes_[index]->pinned.Find(lane); }
  // As many of these are leased as may be, or the node is being left: fails the ticket.
  void RefusePinned(ring::NodeIndex index, Ticket ticket);

  // Whether a request may be sent to the node, by what the process and this worker know of it. Ask once a request: a
  // node on trial counts how often.
  [[gnu::always_inline]] Admission Admits(ring::NodeIndex node, Claim claim) {
    // One without a connection that takes requests would refuse: disabled a moment ago, or waiting for reconnect.rate.
    return nodes_[node]->AnyAccepts() ? nodes_[node]->guard.Admits(claim) : Admission::kDown;
  }
  // Who takes a key, and whether it may be sent there: its owner, or the next choice on the ring that is not down and
  // has room under load_bound. The owner, down, when on_down is not rehash or all are down.
  Choice Choose(uint64_t hash, Claim claim);
  // The next choice after `first` that is not down, if it may be sent there.
  std::optional<ring::NodeIndex> ChooseOther(uint64_t hash, ring::NodeIndex first, Claim claim);
  // Fails the ticket in the node's name. Requires: not kGranted.
  void Refuse(ring::NodeIndex node, Admission why, Ticket ticket);
  // What others have seen of it.
  void Count(ring::NodeIndex node, Counter NodeStats::*what) { (nodes_[node]->stats.*what).Add(); }
  // The least release of the nodes that have told theirs.
  ServerVersion LeastVersion() const;
  // The median over the nodes of the time that 95 % of their replies take.
  std::optional<net::Duration> MedianPercentile95() const;

  // Links to the node over which no request of a client goes, whatever is known of the node.
  struct SideLinks {
    SubscriptionLink& subscriptions;
    ControlLink& control;
    PinnedLinks& pinned;
    std::optional<net::TimePoint> there_since;  // See PoolNode.
    PoolNode& at;
    bool IsBusyFor(Lane lane) { return at.IsBusyFor(lane); }
  };
  SideLinks BesideRequests(ring::NodeIndex node) {
    PoolNode& at = *nodes_[node];
    return {at.subscriptions, at.control, at.pinned, at.there_since(), at};
  }

  // What the process says of a node; of one that is not among these (any more) it means nothing.
  // Hurry: a check has found it well, whoever waits for that may go on. Distrust: a check has failed.
  void Hurry(const NodeRecord& record);
  void Distrust(const NodeRecord& record);
  // An operator closes the node's connections once they are idle; opens them again.
  void Disable(const NodeRecord& record);
  void Enable(const NodeRecord& record);
  // Once a second: compares the nodes' latencies, and lets limits be forgotten and unused flavours go.
  void Tick();
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }

 private:
  // Over the lane's own link, if it has one here.
  template <typename Request>
  [[gnu::noinline]] void SendPinned(PoolNode& node, Lane lane, Request&& request, Ticket ticket, wire::Asked asked) {
    NodeConnection* const own = node.pinned.Find(lane.number);
    if (own != nullptr) return own->Send(std::forward<Request>(request), ticket, asked);
    lane.flavour.is_pinned = false;
    LinkGroup* const links = lane.flavour.is_plain() ? &node.plain : node.LinksOf(lane.flavour);
    if (links == nullptr) return RefuseFlavour(node, ticket);
    links->Send(lane.number, std::forward<Request>(request), ticket, asked);
  }
  PoolNode* Find(const NodeRecord& record);
  // As many flavours as may be are in use at the node.
  void RefuseFlavour(const PoolNode& node, Ticket ticket);

  ReplySink* sink_;
  const ring::Ring* ring_;
  bool rehashes_;
  std::unique_ptr<ring::BoundedLoad> bound_;  // Only with load_bound.
  std::vector<std::shared_ptr<PoolNode>> nodes_;
};

}  // namespace ringproxy::backends
