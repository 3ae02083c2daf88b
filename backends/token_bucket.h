// backends/token_bucket.h – A rate with a burst: the generic cell rate algorithm (ITU-T I.371), which is a token bucket
// with one number of state.
//
// Promise: in any interval t no more than burst + rate * t are taken. A refusal changes nothing.
// Threads: one owner's. Fed with time; whole nanoseconds inside, so that no float drifts: rates up to a million a
// second are exact to a thousandth, higher ones come out lower.
#pragma once

#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class TokenBucket {
 public:
  // Requires: burst >= 1, 0 < rate_per_second <= 10^9.
  TokenBucket(double rate_per_second, uint64_t burst);

  // Whether a token was there; then it is taken.
  bool Take(net::TimePoint now);
  // How long until the next token; 0 = there is one.
  net::Duration WaitFor(net::TimePoint now) const;

 private:
  // When the bucket would be full again, in nanoseconds: the theoretical arrival time.
  int64_t full_at_ns_ = 0;
  int64_t interval_ns_;   // Between two tokens.
  int64_t tolerance_ns_;  // burst * interval.
};

}  // namespace ringproxy::backends
