// backends/token_bucket.h – A rate with a burst, for one owner: a Gcra with its state.
//
// Promise: in any interval t no more than burst + rate * t are taken. A refusal changes nothing.
// Threads: one owner's. Fed with time; whole nanoseconds inside, so that no float drifts: rates up to a million a
// second are exact to a thousandth, higher ones come out lower.
#pragma once

#include <cstdint>

#include "backends/gcra.h"
#include "backends/net/loop.h"

namespace ringproxy::backends {

class TokenBucket {
 public:
  // Requires: burst >= 1, 0 < rate_per_second <= 10^9.
  TokenBucket(double rate_per_second, uint64_t burst);

  // Whether a token was there; then it is taken.
  bool Take(net::TimePoint now);
  // How long until there are so many tokens, at most the burst; 0 = there are.
  net::Duration WaitFor(net::TimePoint now, uint64_t tokens = 1) const;

 private:
  // When the bucket would be full again, in nanoseconds: the theoretical arrival time.
  int64_t full_at_ns_ = 0;
  Gcra gcra_;
};

}  // namespace ringproxy::backends
