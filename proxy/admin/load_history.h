// proxy/admin/load_history.h – How many requests and bytes each node got in the last minute and the last hour.
//
// Totals are sampled and remembered at two steps: every five seconds for a minute, every minute for an hour.
// Threads: one owner. No clock: it is fed with time.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "backends/net/loop.h"

namespace ringproxy::proxy {

struct NodeLoad {
  uint64_t requests = 0;
  uint64_t bytes = 0;
};

class LoadHistory {
 public:
  static constexpr net::Duration kStep = std::chrono::seconds(5);
  static constexpr net::Duration kMinute = std::chrono::minutes(1);
  static constexpr net::Duration kHour = std::chrono::hours(1);

  // Totals since the start, by node; about once a kStep.
  void Sample(net::TimePoint now, std::vector<NodeLoad> totals);

  struct Window {
    net::Duration span{};  // Shorter than asked for while the process is young.
    std::vector<NodeLoad> loads;
  };
  // What came within `window` before the last sample: kMinute or kHour.
  Window Last(net::Duration window) const;

 private:
  struct Entry {
    net::TimePoint time;
    std::vector<NodeLoad> totals;
  };

  std::deque<Entry> fine_;    // The last minute.
  std::deque<Entry> coarse_;  // The last hour.
};

}  // namespace ringproxy::proxy
