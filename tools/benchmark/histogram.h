// tools/benchmark/histogram.h – Latencies in log-linear buckets: every value within 1.6 %, from nanoseconds to minutes.
// Threads: one.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ringproxy::bench {

class Histogram {
 public:
  void Add(uint64_t value) {
    ++counts_[BucketOf(value)];
    ++total_;
    sum_ += value;
    if (value > max_) max_ = value;
  }

  uint64_t total() const { return total_; }
  uint64_t max() const { return max_; }
  double mean() const { return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_); }
  // The middle of the bucket below which `share` (0.99) of all values lie.
  uint64_t Quantile(double share) const;

 private:
  static constexpr unsigned kSubBits = 6;
  static constexpr size_t kSub = size_t{1} << kSubBits;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) * kSub;

  // Values below 2 * kSub have a bucket each; above, every power of two has kSub of them.
  static size_t BucketOf(uint64_t value) {
    if (value < 2 * kSub) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return shift * kSub + (value >> shift);
  }

  std::array<uint64_t, kBuckets> counts_{};
  uint64_t total_ = 0;
  uint64_t sum_ = 0;
  uint64_t max_ = 0;
};

}  // namespace ringproxy::bench
