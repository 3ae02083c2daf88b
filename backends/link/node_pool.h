// backends/link/node_pool.h – The node connections of one pool in one worker.
//
// Threads: its worker's. Lifetime: what its parts refer to outlives it.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backends/health/claim.h"
#include "backends/link/lane_table.h"
#include "backends/link/node_connection.h"
#include "conf/config.h"
#include "ring/ring.h"

namespace ringproxy::backends {

class NodePool {
 public:
  struct Parts {
    WorkerIo& io;
    ReplySink& sink;
    FlushList& flush_list;
    BreakerObserver& observer;
    const NodeBoard& board;
    const ring::Ring& ring;      // The pool's.
    uint32_t first_node;         // The pool's node i is first_node + i over all pools.
    std::span<NodeStats> stats;  // Over all pools.
  };
  NodePool(const Parts& parts, const conf::Pool& pool);

  // Opens every connection, so that the first request finds them ready.
  void Connect();
  void Drain();

  // The requests of one `lane` (a session) reach the node in the order sent: see LaneTable. `work`: what it makes the
  // node do.
  template <typename Request>
  void Send(ring::NodeIndex node, uint32_t lane, Request&& request, Ticket ticket,
            wire::Work work = wire::Work::kPlain) {
    auto& [settings, guard, connections, lanes] = nodes_[node];
    LaneTable::Place& place = lanes.Find(connections, lane);
    const uint32_t taken = place.connection;
    connections[taken]->Send(std::forward<Request>(request), ticket, work);
    // A failure that was told meanwhile may have made the lane send again, and elsewhere.
    if (place.connection == taken) place.last = connections[taken]->sent();
  }

  // Whether a request may be sent to the node, by what the process and this worker know of it. Ask once a request: a
  // node on trial counts how often.
  Admission Admits(ring::NodeIndex node, Claim claim) {
    // One without a connection that takes requests would refuse: disabled a moment ago, or waiting for reconnect.rate.
    return AnyAccepts(nodes_[node]) ? nodes_[node].guard->Admits(claim) : Admission::kDown;
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

  // The process has seen the node well: whoever waits for that may go on.
  void Hurry(ring::NodeIndex node);
  // A check of the node has failed.
  void Distrust(ring::NodeIndex node) { nodes_[node].guard->OnCheckFailed(); }
  // By an operator: closes the node's connections once they are idle; opens them again.
  void Disable(ring::NodeIndex node);
  void Enable(ring::NodeIndex node);
  // Once a second: compares the nodes' latencies, and lets limits be forgotten.
  void Tick();
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }

 private:
  struct Node {
    std::unique_ptr<NodeSettings> settings;  // Guard and connections refer to it.
    std::unique_ptr<NodeGuard> guard;
    std::vector<std::unique_ptr<NodeConnection>> connections;
    LaneTable lanes;
  };

  static bool AnyAccepts(const Node& node) {
    return std::ranges::any_of(node.connections, [](const auto& connection) { return connection->accepts(); });
  }
  static void Probe(const Node& node);
  // Of its connections, those that wait for their next attempt.
  static void HurryConnections(const Node& node);

  Parts parts_;
  bool rehashes_;
  std::unique_ptr<ring::BoundedLoad> bound_;  // Only with load_bound.
  std::vector<Node> nodes_;
};

}  // namespace ringproxy::backends
