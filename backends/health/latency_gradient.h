// backends/health/latency_gradient.h – How much slower than usual a node answers just now.
//
// Purpose: each 100 ms the mean latency of the replies is compared with that of the last minute. Half as slow again is
// still as usual (Envoy's allowance for a queue), and what lasts less than 500 us counts as that: below it latencies
// are noise. A window with few replies is longer.
// Threads: one owner's. Pure: fed with time and latencies. Cost: a few additions a reply.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class LatencyGradient {
 public:
  static constexpr net::Duration kWindow = std::chrono::milliseconds(100);
  static constexpr net::Duration kShortestLatency = std::chrono::microseconds(500);

  struct WindowReading {
    double gradient;          // 1: as fast as usual; down to 0.5 when slower.
    uint64_t most_in_flight;  // In the window.
  };

  // `timed`: the clock may judge it.
  void Add(net::Duration latency, bool timed, uint64_t in_flight) {
    most_in_flight_ = std::max(most_in_flight_, in_flight);
    if (!timed) return;
    latency_sum_us_ += latency.count();
    ++latencies_;
  }
  bool WindowIsOver(net::TimePoint now) const { return now >= window_end_ && latencies_ >= kLeastLatencies; }
  // Requires: WindowIsOver. The next one begins.
  WindowReading EndWindow(net::TimePoint now);

 private:
  static constexpr uint32_t kLeastLatencies = 10;

  // Of this window.
  net::TimePoint window_end_{};
  int64_t latency_sum_us_ = 0;
  uint32_t latencies_ = 0;
  uint64_t most_in_flight_ = 0;

  double usual_us_ = 0;  // The weighted mean of the windows' latencies.
  uint32_t windows_ = 0;
};

}  // namespace ringproxy::backends
