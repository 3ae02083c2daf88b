// backends/health/load_history.h – How many requests and bytes a node got in the last minute and the last hour.
//
// Totals are sampled and remembered at two steps: every five seconds for a minute, every minute for an hour.
// Threads: one owner. No clock: it is fed with time.
#pragma once

#include <cstdint>
#include <deque>

#include "backends/net/loop.h"

namespace ringproxy::backends {

struct NodeLoad {
  uint64_t requests = 0;
  uint64_t bytes = 0;
};

class LoadHistory {
 public:
  static constexpr net::Duration kStep = std::chrono::seconds(5);
  static constexpr net::Duration kMinute = std::chrono::minutes(1);
  static constexpr net::Duration kHour = std::chrono::hours(1);

  // The total since the start; about once a kStep.
  void Sample(net::TimePoint now, NodeLoad total);

  struct Window {
    net::Duration span{};  // Shorter than asked for while the history is young.
    NodeLoad load;
  };
  // What came within `window` before the last sample: kMinute or kHour.
  Window Last(net::Duration window) const;

 private:
  struct LoadSample {
    net::TimePoint time;
    NodeLoad total;
  };

  std::deque<LoadSample> fine_;    // The last minute.
  std::deque<LoadSample> coarse_;  // The last hour.
};

}  // namespace ringproxy::backends
