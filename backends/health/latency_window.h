// backends/health/latency_window.h – Durations of a while in log-linear buckets, and their percentiles.
//
// Each doubling has sixteen buckets, so that a percentile is at most 1/16 too high (as in HdrHistogram, G. Tene).
// Threads: one owner's. Memory: 1.5 KiB.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class LatencyWindow {
 public:
  void Record(net::Duration duration) {
    ++buckets_[BucketOf(static_cast<uint64_t>(duration.count() < 0 ? 0 : duration.count()))];
    ++total_;
  }
  uint32_t total() const { return total_; }
  // The shortest bound that a `share` of the durations do not exceed. Requires: total() > 0, 0 < share <= 1.
  net::Duration Percentile(double share) const;
  void Clear();

 private:
  static constexpr uint32_t kSubBits = 4;
  static constexpr uint64_t kSub = 1 << kSubBits;
  static constexpr uint32_t kDoublings = 20;  // Up to 2^24 us, about 17 s; longer ones count as that.

  static size_t BucketOf(uint64_t us) {
    if (us < kSub) return us;
    const auto doubling = static_cast<uint32_t>(std::bit_width(us)) - kSubBits;  // At least 1.
    if (doubling > kDoublings) return kSub * (kDoublings + 1) - 1;
    return kSub * doubling + ((us >> (doubling - 1)) - kSub);
  }
  // The longest duration that falls into the bucket.
  static uint64_t LastOf(size_t bucket);

  std::array<uint32_t, kSub*(kDoublings + 1)> buckets_{};
  uint32_t total_ = 0;
};

}  // namespace ringproxy::backends
