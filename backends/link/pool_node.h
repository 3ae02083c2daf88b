// backends/link/pool_node.h – One node as one worker has it: what it must know of it, its guard and its connections.
//
// Threads: its worker's. Ownership: shared by the NodePools of the snapshots that name it; it stays where it is, since
// its parts refer to each other.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "backends/health/node_record.h"
#include "backends/link/lane_table.h"
#include "backends/link/node_connection.h"
#include "conf/config.h"

namespace ringproxy::backends {

class PoolNode {
 public:
  struct PoolNodeParts {
    WorkerIo& io;
    ReplySink& sink;
    FlushList& flush_list;
    BreakerObserver& observer;
    uint32_t worker;  // Whose statistics of the record are this worker's.
  };
  // `bound`: the pool's, if it has one, in which this is node `index`.
  PoolNode(const PoolNodeParts& parts, const conf::Pool& pool, const conf::Node& node,
           std::shared_ptr<NodeRecord> node_record, ring::BoundedLoad* bound, ring::NodeIndex index);
  PoolNode(const PoolNode&) = delete;
  PoolNode& operator=(const PoolNode&) = delete;

  // Whether the node stays when the configuration says this of it: its connections lead there, as many as are wanted.
  bool Fits(const conf::Pool& pool, const conf::Node& node) const;
  // Requires: Fits. What is under way is counted in `bound`.
  void Adopt(const conf::Pool& pool, const conf::Node& node, ring::BoundedLoad* bound, ring::NodeIndex index);
  // It has left the pool: it drains, and says nothing more.
  void Retire();

  bool AnyAccepts() const {
    return std::ranges::any_of(connections, [](const auto& connection) { return connection->accepts(); });
  }
  // Those that were never opened.
  void Connect();
  void Drain();
  void Reopen();
  void Hurry();
  // Its connections have all been closed for good.
  bool is_closed() const;
  size_t in_flight() const;

  const std::shared_ptr<NodeRecord> record;
  NodeStats& stats;
  NodeSettings settings;  // Guard and connections refer to it.
  NodeGuard guard;
  std::vector<std::unique_ptr<NodeConnection>> connections;
  LaneTable lanes;

 private:
  void Probe();
  // Those that wait for their next attempt.
  void HurryConnections();

  bool keeps_percentile_;
};

// Nodes that have left their pool and still drain.
using LeavingNodes = std::vector<std::shared_ptr<PoolNode>>;

}  // namespace ringproxy::backends
