#include "proxy/control/worker_stats.h"

#include <algorithm>

namespace ringproxy::proxy {

uint64_t Sum(AllStats workers, uint32_t node, backends::Counter backends::NodeStats::*counter) {
  uint64_t total = 0;
  for (const auto& worker : workers) total += (worker->nodes[node].*counter).value();
  return total;
}

uint64_t Sum(AllStats workers, uint32_t rule, backends::Counter LimitStats::*counter) {
  uint64_t total = 0;
  for (const auto& worker : workers) total += (worker->limits[rule].*counter).value();
  return total;
}

bool IsConnected(AllStats workers, uint32_t node) {
  return std::ranges::all_of(workers,
                             [&](const auto& worker) { return worker->nodes[node].ready_connections.value() > 0; });
}

}  // namespace ringproxy::proxy
