// backends/link/node_pool.h – The nodes of one pool in one worker, by their index in the ring of one snapshot.
//
// Threads: its worker's. Lifetime: what its parts refer to, and the ring, outlive it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/health/claim.h"
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

  // Opens every connection that was never opened, so that the first request finds it ready.
  void Connect();
  void Drain();

  // The requests of one `lane` (a session) reach the node in the order sent: see LaneTable. `work`: what it makes the
  // node do.
  template <typename Request>
  void Send(ring::NodeIndex index, uint32_t lane, Request&& request, Ticket ticket,
            wire::Work work = wire::Work::kPlain) {
    PoolNode& node = *nodes_[index];
    if (node.connections.size() == 1)
      return node.connections.front()->Send(std::forward<Request>(request), ticket, work);
    LaneTable::LanePlace& place = node.lanes.Find(node.connections, lane);
    const uint32_t taken = place.connection;
    NodeConnection& connection = *node.connections[taken];
    connection.Send(std::forward<Request>(request), ticket, work);
    // A failure that was told meanwhile may have made the lane send again, and elsewhere.
    if (place.connection == taken) place.last = connection.sent();
  }

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
  // The median over the nodes of the time that 95 % of their replies take.
  std::optional<net::Duration> MedianPercentile95() const;

  // What the process says of a node; of one that is not among these (any more) it means nothing.
  // Hurry: a check has found it well, whoever waits for that may go on. Distrust: a check has failed.
  void Hurry(const NodeRecord& record);
  void Distrust(const NodeRecord& record);
  // An operator closes the node's connections once they are idle; opens them again.
  void Disable(const NodeRecord& record);
  void Enable(const NodeRecord& record);
  // Once a second: compares the nodes' latencies, and lets limits be forgotten.
  void Tick();
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }

 private:
  PoolNode* Find(const NodeRecord& record);

  ReplySink* sink_;
  const ring::Ring* ring_;
  bool rehashes_;
  std::unique_ptr<ring::BoundedLoad> bound_;  // Only with load_bound.
  std::vector<std::shared_ptr<PoolNode>> nodes_;
};

}  // namespace ringproxy::backends
