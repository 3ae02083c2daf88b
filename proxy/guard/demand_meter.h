// proxy/guard/demand_meter.h – How many tokens of one bucket the requests of a worker ask for.
//
// Purpose: tells a lease how much to fetch ahead. A mean over about 50 ms, in which what came since the last update is
// counted at every look; so a key that falls silent is noticed without anything being done about it.
// Threads: its worker's. Pure: fed with time and costs. Cost: an addition a request, a division in each 10 ms.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/net/loop.h"
#include "proxy/guard/lease_units.h"

namespace ringproxy::proxy {

class DemandMeter {
 public:
  void Count(net::TimePoint now, uint64_t cost) {
    if (mean_ == kUntouched) {
      mean_ = kUnknown;
      counted_from_ = now;
    }
    if (now - counted_from_ >= kLeastCount) {
      recent_ = Saturated(uint64_t{recent_} + 1);  // See PerMicrosecond.
      mean_ = static_cast<float>(PerMicrosecond(now));
      counted_from_ = now;
      recent_ = 0;
    }
    recent_ = Saturated(recent_ + cost);
  }
  // Of what was counted last: the request has taken nothing.
  void Uncount(uint32_t cost) { recent_ -= std::min(recent_, cost); }

  double PerMicrosecond(net::TimePoint now) const {
    const double time = InMicroseconds(now - counted_from_);
    // Less the request that is being handled: whenever one is, it has just come.
    const double recent = recent_ > 0 ? recent_ - 1 : 0;
    if (mean_ < 0) return recent / std::max(time, InMicroseconds(kLeastCount));
    return (double{mean_} * InMicroseconds(kSmoothing) + recent) / (InMicroseconds(kSmoothing) + time);
  }

 private:
  static constexpr net::Duration kSmoothing = std::chrono::milliseconds(50);
  static constexpr net::Duration kLeastCount = std::chrono::milliseconds(10);  // A shorter time says nothing.
  // What mean_ is while it is not known: before the first request, and in the first ten milliseconds after it.
  static constexpr float kUntouched = -2;
  static constexpr float kUnknown = -1;

  net::TimePoint counted_from_;  // `recent_` was asked for since then.
  float mean_ = kUntouched;      // Tokens a microsecond.
  uint32_t recent_ = 0;          // Not yet in mean_.
};

}  // namespace ringproxy::proxy
