// tools/benchmark/histogram.cc – see histogram.h.
#include "tools/benchmark/histogram.h"

#include <algorithm>
#include <cmath>

namespace ringproxy::bench {

uint64_t Histogram::Quantile(double share) const {
  const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(total_)));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += counts_[bucket];
    if (seen < wanted || seen == 0) continue;
    if (bucket < 2 * kSub) return bucket;
    const size_t shift = bucket / kSub - 1;
    const uint64_t low = static_cast<uint64_t>(bucket - shift * kSub) << shift;
    // The middle of the highest bucket may lie above everything that was measured.
    return std::min(low + (uint64_t{1} << shift) / 2, max_);
  }
  return max_;
}

}  // namespace ringproxy::bench
