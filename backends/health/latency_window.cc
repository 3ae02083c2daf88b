#include "backends/health/latency_window.h"

#include <cassert>
#include <cmath>

namespace ringproxy::backends {

uint64_t LatencyWindow::LastOf(size_t bucket) {
  if (bucket < kSub) return bucket;
  const uint64_t doubling = bucket / kSub;
  return ((kSub + bucket % kSub + 1) << (doubling - 1)) - 1;
}

net::Duration LatencyWindow::Percentile(double share) const {
  assert(total_ > 0);
  const auto rank = static_cast<uint64_t>(std::ceil(share * total_));
  uint64_t seen = 0;
  size_t bucket = 0;
  // It ends, since the rank is at most the total.
  while ((seen += buckets_[bucket]) < rank) ++bucket;
  return net::Duration(static_cast<int64_t>(LastOf(bucket)));
}

void LatencyWindow::Clear() {
  buckets_.fill(0);
  total_ = 0;
}

}  // namespace ringproxy::backends
