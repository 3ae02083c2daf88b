// tools/ringskew/load_map.h – How many requests each hash got, so that any ring can be asked afterwards what its nodes
// would get.
//
// Keys of equal hash lie together on every ring, so hashes are kept and not keys. Up to kMost hashes all are there and
// a forecast is exact; of more a sample is: those whose mixed hash is below a bound that is halved when the map is
// full. What stays has been there from its first request on, so its count is whole. Threads: one owner. Memory: 8 MiB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ringproxy::ringskew {

class LoadMap {
 public:
  static constexpr size_t kMost = size_t{1} << 18;

  struct Entry {
    uint64_t hash = 0;
    double requests = -1;  // Negative: free.
  };

  LoadMap() : slots_(kSlots) {}

  // As many of both.
  void Add(std::span<const uint64_t> hashes, std::span<const double> requests);

  // The part of all hashes that is kept; 1: every one.
  double kept() const { return kept_; }
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Entry& entry : slots_) {
      if (entry.requests >= 0) visit(entry);
    }
  }

 private:
  static constexpr size_t kSlots = 2 * kMost;

  size_t SlotOf(uint64_t hash, uint64_t mixed) const;
  // Drops every second hash.
  void Thin();

  std::vector<Entry> slots_;
  size_t used_ = 0;
  uint64_t bound_ = UINT64_MAX;  // Mixed hashes above it are not kept.
  double kept_ = 1;
};

}  // namespace ringproxy::ringskew
