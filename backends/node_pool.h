// backends/node_pool.h – The node connections of one pool in one worker.
//
// Threads: its worker's. Lifetime: io, sink, flush list and stats outlive it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backends/node_connection.h"
#include "conf/config.h"
#include "ring/ring.h"

namespace ringproxy::backends {

class NodePool {
 public:
  // stats[i] belongs to node i of `pool`.
  NodePool(WorkerIo& io, const conf::Pool& pool, ReplySink& sink, FlushList& flush_list, std::span<NodeStats> stats);

  // Opens every connection, so that the first request finds them ready.
  void Connect();
  void Drain();

  // All requests of one `lane` (a session) take the same connection: they reach the node in the order sent.
  template <typename Request>
  void Send(ring::NodeIndex node, uint32_t lane, Request&& request, Ticket ticket) {
    auto& connections = nodes_[node].connections;
    connections[lane % connections.size()]->Send(std::forward<Request>(request), ticket);
  }

  // The node takes requests of this lane now.
  bool Accepts(ring::NodeIndex node, uint32_t lane) const;
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()); }

 private:
  struct Node {
    std::unique_ptr<NodeSettings> settings;  // Connections refer to it.
    std::vector<std::unique_ptr<NodeConnection>> connections;
  };
  std::vector<Node> nodes_;
};

}  // namespace ringproxy::backends
