#include "proxy/control/worker_stats.h"

namespace ringproxy::proxy {

uint64_t Sum(AllStats workers, uint32_t rule, backends::Counter LimitStats::*counter) {
  uint64_t total = 0;
  for (const auto& worker : workers) total += (worker->limits[rule].*counter).value();
  return total;
}

}  // namespace ringproxy::proxy
