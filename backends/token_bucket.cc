#include "backends/token_bucket.h"

#include <cassert>
#include <cmath>

namespace ringproxy::backends {
namespace {

int64_t Nanoseconds(net::TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// Rounded up: a little less than the rate keeps the promise, a little more does not.
int64_t Interval(double rate_per_second) {
  assert(rate_per_second > 0);
  return static_cast<int64_t>(std::ceil(1e9 / rate_per_second));
}

}  // namespace

TokenBucket::TokenBucket(double rate_per_second, uint64_t burst)
    : gcra_(Interval(rate_per_second), Interval(rate_per_second) * static_cast<int64_t>(burst)) {
  assert(burst >= 1);
}

bool TokenBucket::Take(net::TimePoint now) {
  return gcra_.Take(Nanoseconds(now), 1, &full_at_ns_).admitted;
}

net::Duration TokenBucket::WaitFor(net::TimePoint now, uint64_t tokens) const {
  int64_t full_at_ns = full_at_ns_;  // Only looked at.
  const Gcra::Answer answer = gcra_.Take(Nanoseconds(now), tokens, &full_at_ns);
  // Rounded up, or a timer would come a moment too early.
  return net::Duration(answer.admitted ? 0 : (answer.wait_ns + 999) / 1000);
}

}  // namespace ringproxy::backends
