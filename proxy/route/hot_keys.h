// proxy/route/hot_keys.h – Which keys a worker is asked for most, by pool.
//
// One key in sixteen, by chance, goes into the sketch: a fixed step would meet the same place of a repeating pipeline
// every time. Cost: a decrement for each key, about 60 ns for each one that is taken.
// A key is noted as DatabaseKey has it.
// Threads: its worker's; a view is immutable and may be handed to any.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "ring/heavy_hitters.h"

namespace ringproxy::proxy {

// A worker's hottest keys, as they were at some second.
struct HotKeysView {
  struct HotPool {
    std::vector<ring::HeavyHitters::Hitter> top;
    uint64_t total = 0;  // Of all keys, on the scale of the hitters' counts.
  };
  std::vector<HotPool> pools;
};

class HotKeys {
 public:
  explicit HotKeys(size_t pools) : pools_(pools) {}

  void Note(uint32_t pool, std::string_view key, uint16_t database) {
    if (--countdown_ == 0) [[unlikely]]
      Take(pool, key, database);
  }
  // Once a second. What is older than half a minute counts by half, then by a quarter, and so on.
  void Tick();
  std::shared_ptr<const HotKeysView> View() const;

 private:
  static constexpr uint32_t kOneIn = 16;
  static constexpr uint32_t kHalfLifeTicks = 30;

  void Take(uint32_t pool, std::string_view key, uint16_t database);

  std::vector<ring::HeavyHitters> pools_;
  uint32_t countdown_ = kOneIn;
  uint32_t ticks_ = 0;
  uint64_t dice_ = 0x2545F4914F6CDD1D;
};

}  // namespace ringproxy::proxy
