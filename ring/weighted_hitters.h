// ring/weighted_hitters.h – Which few keys weigh most, where a key comes with any weight: 0.001, 1 or 1e300.
//
// Misra-Gries with real weights and batched decrements (Anderson, Bevin, Lang, Liberty, Rhodes and Thaler, "A
// high-performance algorithm for identifying frequent items in data streams", IMC 2017): 4,096 counters; when they are
// all taken, the upper quartile of their credits is subtracted from each, and those that have none left are free again.
// Beside its credit a key has its exact weight since it last came in, so that of a key that never left it is all of it.
// A weight is never too high, and too low by at most the whole divided by 1,024.
// Threads: one owner. Memory: about 450 KiB, names of up to kLongestName bytes besides. Promise: equal keys in equal
// order give equal lists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringproxy::ring {

class WeightedHitters {
 public:
  static constexpr size_t kCounters = 4096;
  static constexpr size_t kLongestName = 4096;  // More of a key is cut off in the list.

  struct Weighed {
    std::string key;
    double weight = 0;
  };

  WeightedHitters();

  // `hash`: of the key, 64 well mixed bits; keys of equal hash are one. `weight`: finite, not negative.
  void Add(uint64_t hash, std::string_view key, double weight);

  // The heaviest first, at most `most`; none of them below the whole divided by kCounters.
  std::vector<Weighed> Top(size_t most) const;
  double total() const { return total_; }

 private:
  struct WeightCounter {
    uint64_t hash = 0;  // 0: free.
    double credit = 0;
    double weight = 0;
  };
  static constexpr size_t kSlots = 2 * kCounters;

  // Where the key is, or where it would be.
  size_t SlotOf(uint64_t hash) const;
  void Purge();

  std::vector<WeightCounter> counters_;
  std::vector<std::string> names_;  // By slot; empty until the key weighs enough to be listed.
  size_t used_ = 0;
  double total_ = 0;
};

}  // namespace ringproxy::ring
