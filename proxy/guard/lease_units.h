// proxy/guard/lease_units.h – Tokens and times as a lease calculates with them: a worker has many leases, so counts and
// times are kept in four bytes where that is enough.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "backends/net/loop.h"
#include "proxy/guard/lease_script.h"

namespace ringproxy::proxy {

inline uint32_t Saturated(uint64_t count) {
  return static_cast<uint32_t>(std::min<uint64_t>(count, std::numeric_limits<uint32_t>::max()));
}

inline double InMicroseconds(net::Duration time) {
  return static_cast<double>(time.count());
}

inline double TokensPerMicrosecond(const LeaseTerms& terms) {
  return static_cast<double>(terms.rate.amount) / static_cast<double>(terms.rate.window.count());
}

// Enough for times that are short or, if not, looked at only roughly.
inline uint32_t LowBits(net::TimePoint time) {
  return static_cast<uint32_t>(time.time_since_epoch().count());
}

}  // namespace ringproxy::proxy
