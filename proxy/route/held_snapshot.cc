#include "proxy/route/held_snapshot.h"

namespace ringproxy::proxy {

HeldSnapshot::HeldSnapshot(std::shared_ptr<const Snapshot> snapshot, const backends::PoolNode::PoolNodeParts& parts,
                           const HeldSnapshot* before, backends::LeavingNodes* leaving)
    : shared(std::move(snapshot)) {
  for (size_t i = 0; i < shared->pools.size(); ++i) {
    // The pool at this place in `before` is the same one: MayFollow has seen to that.
    const PoolSnapshot& pool = shared->pools[i];
    node_pools.emplace_back(parts, shared->config.pools[i], *pool.ring, pool.nodes,
                            before != nullptr ? &before->node_pools[i] : nullptr, leaving);
  }
}

}  // namespace ringproxy::proxy
