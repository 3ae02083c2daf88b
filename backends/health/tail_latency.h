// backends/health/tail_latency.h – One node's 95th percentile, second by second, and for how long it has been far above
// its pool's.
//
// Purpose: a node that is slow compared with its peers is noticed whatever latency its requests usually have. The
// percentile of the last whole second with enough replies stands until there is another, or for three seconds.
// Threads: one owner's. Pure: fed with latencies and whole seconds of its owner's clock. Memory: 1.5 KiB if percentiles
// are kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "backends/health/latency_window.h"
#include "conf/config.h"

namespace ringproxy::backends {

class TailLatency {
 public:
  // `keeps_percentile`: even when slow_factor does not need it. `options` outlives it.
  TailLatency(const conf::Breaker& options, bool keeps_percentile);

  void Record(net::Duration latency) {
    if (latencies_) latencies_->Record(latency);
  }
  // `second`: the one in which the latencies were recorded.
  void EndSecond(int64_t second);

  std::optional<net::Duration> Percentile95(int64_t second) const;
  // `median`: of the percentiles of the pool's nodes. Says for how many seconds in a row, this one the last, the own
  // one was slow_factor times that; 0 when it was compared before.
  uint32_t CompareWith(net::Duration median, int64_t second);

  void Clear();

 private:
  // What runs in a few hundred microseconds is too noisy to be compared.
  static constexpr net::Duration kLeastCompared = std::chrono::milliseconds(2);

  const conf::Breaker& options_;
  std::unique_ptr<LatencyWindow> latencies_;  // Of this second; null when nobody needs a percentile.
  std::optional<net::Duration> percentile_95_;
  int64_t percentile_second_ = 0;
  int64_t compared_second_ = -1;  // The percentile that CompareWith has judged last.
  uint32_t outlying_seconds_ = 0;
};

}  // namespace ringproxy::backends
