#include "conf/pool_ring.h"

namespace ringproxy::conf {

std::vector<ring::RingNode> RingNodes(const Pool& pool) {
  std::vector<ring::RingNode> nodes;
  for (const Node& node : pool.nodes) {
    nodes.push_back({.name = node.name,
                     .weight = node.weight,
                     .host = node.address.is_unix() ? node.address.unix_path : node.address.host,
                     .port = node.address.port,
                     .has_alias = node.name != node.address.ToString()});
  }
  return nodes;
}

ring::RingSpec SpecOf(const RingOptions& options) {
  return {.algorithm = options.algorithm, .virtual_nodes = options.virtual_nodes};
}

std::unique_ptr<const ring::Ring> MakePoolRing(const Pool& pool) {
  return ring::MakeRing(SpecOf(pool.ring), RingNodes(pool));
}

}  // namespace ringproxy::conf
