#include "backends/token_bucket.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace ringproxy::backends {
namespace {

int64_t Nanoseconds(net::TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

TokenBucket::TokenBucket(double rate_per_second, uint64_t burst)
    // Rounded up: a little less than the rate keeps the promise, a little more does not.
    : interval_ns_(static_cast<int64_t>(std::ceil(1e9 / rate_per_second))),
      tolerance_ns_(interval_ns_ * static_cast<int64_t>(burst)) {
  assert(rate_per_second > 0 && burst >= 1);
}

bool TokenBucket::Take(net::TimePoint now) {
  const int64_t now_ns = Nanoseconds(now);
  const int64_t next = std::max(full_at_ns_, now_ns) + interval_ns_;
  if (next - now_ns > tolerance_ns_) return false;
  full_at_ns_ = next;
  return true;
}

net::Duration TokenBucket::WaitFor(net::TimePoint now) const {
  const int64_t wait_ns = full_at_ns_ + interval_ns_ - tolerance_ns_ - Nanoseconds(now);
  // Rounded up, or a timer would come a moment too early.
  return net::Duration(wait_ns <= 0 ? 0 : (wait_ns + 999) / 1000);
}

}  // namespace ringproxy::backends
