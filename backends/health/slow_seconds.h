// backends/health/slow_seconds.h – For how many seconds in a row a node has been slow by conf::Breaker's slow_ratio and
// slow_threshold.
//
// Purpose: a second is slow when enough replies came in it and such a share of them took too long. One without replies
// ends the row.
// Threads: one owner's. Pure: its owner says when a second ends.
#pragma once

#include <cstdint>

#include "backends/health/ratio_rule.h"
#include "backends/net/loop.h"

namespace ringproxy::backends {

class SlowSeconds {
 public:
  // `options` outlives it.
  explicit SlowSeconds(const conf::Breaker& options) : options_(options) {}

  // Whether a reply is slow.
  bool IsSlow(net::Duration latency) const {
    return options_.slow_ratio.thousandths > 0 && latency >= options_.slow_threshold;
  }
  // A reply that the clock may judge. Says whether it was slow.
  bool Add(net::Duration latency) {
    ++replies_;
    if (!IsSlow(latency)) return false;
    ++slow_;
    return true;
  }
  // Counts this second as soon as it has enough replies to be judged, and is 0 until it is slow itself.
  uint32_t in_row() const { return IsSlowNow() ? before_ + 1 : 0; }

  // `next_follows`: what is added from now on belongs to the second just behind this one.
  void EndSecond(bool next_follows) {
    before_ = next_follows ? in_row() : 0;
    replies_ = slow_ = 0;
  }
  void Clear() { replies_ = slow_ = before_ = 0; }

 private:
  bool IsSlowNow() const { return replies_ >= options_.min_requests && Reaches(slow_, replies_, options_.slow_ratio); }

  const conf::Breaker& options_;
  // Of this second.
  uint32_t replies_ = 0;
  uint32_t slow_ = 0;
  uint32_t before_ = 0;  // Slow seconds in a row.
};

}  // namespace ringproxy::backends
