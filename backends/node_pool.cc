#include "backends/node_pool.h"

namespace ringproxy::backends {

NodePool::NodePool(WorkerIo& io, const conf::Pool& pool, ReplySink& sink, FlushList& flush_list,
                   std::span<NodeStats> stats) {
  nodes_.reserve(pool.nodes.size());
  for (size_t i = 0; i < pool.nodes.size(); ++i) {
    const conf::Node& conf_node = pool.nodes[i];
    Node& node = nodes_.emplace_back();
    node.settings = std::make_unique<NodeSettings>(NodeSettings{
        pool.protocol,
        pool.name,
        conf_node.name,
        {conf_node.address.host, conf_node.address.port, conf_node.address.unix_path},
        pool.auth,
        pool.timeouts,
        pool.reconnect,
        pool.limits,
    });
    for (uint32_t c = 0; c < pool.connections_per_node; ++c) {
      node.connections.push_back(std::make_unique<NodeConnection>(io, *node.settings, sink, flush_list, stats[i]));
    }
  }
}

void NodePool::Connect() {
  for (Node& node : nodes_) {
    for (auto& connection : node.connections) connection->Connect();
  }
}

void NodePool::Drain() {
  for (Node& node : nodes_) {
    for (auto& connection : node.connections) connection->Drain();
  }
}

bool NodePool::Accepts(ring::NodeIndex node, uint32_t lane) const {
  const auto& connections = nodes_[node].connections;
  return connections[lane % connections.size()]->accepts();
}

}  // namespace ringproxy::backends
