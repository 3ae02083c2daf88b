#include "tools/ringskew/load_map.h"

#include <cassert>
#include <utility>

#include "ring/mix.h"

namespace ringproxy::ringskew {

size_t LoadMap::SlotOf(uint64_t hash, uint64_t mixed) const {
  // The low bits place it: the high ones of those that are kept are all alike once the map has been thinned.
  size_t slot = mixed % kSlots;
  while (slots_[slot].requests >= 0 && slots_[slot].hash != hash) slot = (slot + 1) % kSlots;
  return slot;
}

void LoadMap::Add(std::span<const uint64_t> hashes, std::span<const double> requests) {
  assert(hashes.size() == requests.size());
  // A loop of its own, so that the memory of all is under way before the first is waited for.
  for (const uint64_t hash : hashes) {
    const uint64_t mixed = ring::Mix(hash);
    if (mixed <= bound_) __builtin_prefetch(&slots_[mixed % kSlots], 1);
  }
  for (size_t i = 0; i < hashes.size(); ++i) {
    const uint64_t mixed = ring::Mix(hashes[i]);
    if (mixed > bound_) continue;
    size_t slot = SlotOf(hashes[i], mixed);
    if (slots_[slot].requests < 0) {
      if (used_ == kMost) {
        Thin();
        if (mixed > bound_) continue;
        slot = SlotOf(hashes[i], mixed);
      }
      slots_[slot] = {hashes[i], 0};
      ++used_;
    }
    slots_[slot].requests += requests[i];
  }
}

void LoadMap::Thin() {
  bound_ /= 2;
  kept_ /= 2;
  const std::vector<Entry> before = std::exchange(slots_, std::vector<Entry>(kSlots));
  used_ = 0;
  for (const Entry& entry : before) {
    const uint64_t mixed = ring::Mix(entry.hash);
    if (entry.requests < 0 || mixed > bound_) continue;
    slots_[SlotOf(entry.hash, mixed)] = entry;
    ++used_;
  }
}

}  // namespace ringproxy::ringskew
