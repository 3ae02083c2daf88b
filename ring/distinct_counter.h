// ring/distinct_counter.h – About how many distinct keys came, in 4 KiB whatever their number.
//
// HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, AofA 2007): a hash names one of 4,096 registers by its top bits,
// and the register keeps the longest run of zeros that the other bits ever began with. The estimate is the improved
// one of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv 1702.01284), which has no bias
// and no thresholds from one key to 2^60. Standard error 1.04 / sqrt(4,096) = 1.6 %; a sum over N counters of about
// equally many keys, none of them in two, is off by 1.6 % / sqrt(N).
// Threads: one owner. Promise: the order of the keys and how often each came change nothing.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "ring/mix.h"

namespace ringproxy::ring {

class DistinctCounter {
 public:
  // `hash`: of the key; keys of equal hash are one. It may be the very hash that chose the key's node: mixed here, it
  // is spread over all registers though the keys of one node lie in a few arcs of the ring.
  void Add(uint64_t hash) {
    hash = Mix(hash);
    uint8_t& longest = registers_[hash >> kTailBits];
    // The bit behind the tail ends a run of zeros only.
    const auto rank = static_cast<uint8_t>(1 + std::countl_zero(hash << kIndexBits | uint64_t{1} << (kIndexBits - 1)));
    longest = std::max(longest, rank);
  }
  double Estimate() const;

 private:
  static constexpr int kIndexBits = 12;
  static constexpr int kTailBits = 64 - kIndexBits;

  std::array<uint8_t, 1 << kIndexBits> registers_{};  // 0: no key; else 1 to kTailBits + 1.
};

}  // namespace ringproxy::ring
