// tests/support/test_snapshot.h – Snapshots without a process around them.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

// Of nodes that nobody has known before.
inline auto MakeSnapshot(conf::Config config, uint32_t workers = 1) {
  backends::NodeRegistry registry(workers);
  return MakeSnapshot(std::move(config), registry);
}

// One after the other over all pools.
inline std::vector<std::shared_ptr<backends::NodeRecord>> AllNodes(const Snapshot& snapshot) {
  std::vector<std::shared_ptr<backends::NodeRecord>> nodes;
  for (const PoolSnapshot& pool : snapshot.pools) nodes.insert(nodes.end(), pool.nodes.begin(), pool.nodes.end());
  return nodes;
}

}  // namespace ringproxy::proxy
