// proxy/control/loop_stats.h – How busy a worker's loop is, and for how long each of its turns keeps others waiting.
//
// Threads: as backends/stats.h. Sample is the worker's.
#pragma once

#include <utility>

#include "backends/stats.h"

namespace ringproxy::proxy {

class LoopStats {
 public:
  // At the end of each turn.
  void Record(const net::TurnTimes& turn) {
    waited_us_.Add(static_cast<uint64_t>(turn.waited.count()));
    delay_.Record(turn.took);
  }
  // About once a second: the turns since the last time become the ratio. A turn that is not over counts next time.
  void Sample() {
    const uint64_t waited = waited_us_.value() - std::exchange(sampled_waited_us_, waited_us_.value());
    const uint64_t worked = delay_.sum_us() - std::exchange(sampled_worked_us_, delay_.sum_us());
    if (waited + worked > 0) busy_millionths_.Set(worked * kMillion / (waited + worked));
  }

  // Of the time between the last two samples, what was not spent asleep.
  double busy_ratio() const { return static_cast<double>(busy_millionths_.value()) / kMillion; }
  // What becomes ready while a turn lasts waits for its end, so a turn's length is the longest such wait.
  const backends::Histogram& delay() const { return delay_; }

 private:
  static constexpr uint64_t kMillion = 1'000'000;

  backends::Counter waited_us_;
  backends::Counter busy_millionths_;
  backends::Histogram delay_;
  uint64_t sampled_waited_us_ = 0;
  uint64_t sampled_worked_us_ = 0;
};

}  // namespace ringproxy::proxy
