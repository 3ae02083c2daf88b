// backends/health/concurrency_limit.h – How many requests of one worker may be under way to one node, learned from its
// answers.
//
// A node that is asked more than it can answer answers everything late, and its clients ask again. Below its limit it
// stays in time for those it serves; the rest are refused at once. The limit begins at its maximum, so nothing is
// refused of a node that was never late, and it knows two ways to move:
//   aimd      a timeout makes it nine tenths of what was under way, at most once in 100 ms; as many good replies as it
//             allows make it one more (Chiu and Jain, "Analysis of the increase and decrease algorithms", 1989; TCP).
//   gradient  timeouts as above; besides, the limit shrinks as many times as a LatencyGradient says that replies are
//             slower than usual, and by its square root it grows (Gradient2 of Netflix's concurrency-limits).
// Only load is taken for overload: a node that is late with fewer than `min` under way has another trouble, and
// the limit grows only while half of it is used. When that much was not used for ten seconds, the limit is at its
// maximum again: what it knew is old, and a burst should not pay for it.
// A share of it is kept in reserve for requests with priority: the others see the end of their part first.
//
// Threads: its worker's. Pure: fed with time, outcomes and the number of requests under way, which a refused one never
// becomes part of. Cost: a compare a request, and with `aimd` a compare a reply while it is at its maximum.
// Promise: min <= limit() <= max.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/health/latency_gradient.h"
#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::backends {

class ConcurrencyLimit {
 public:
  static constexpr net::Duration kCutPause = std::chrono::milliseconds(100);
  static constexpr uint32_t kCalmSeconds = 10;

  struct Reply {
    net::Duration latency;
    bool timed;          // The clock may judge it.
    uint64_t in_flight;  // Before it came: with its own request.
  };

  // Requires: 1 <= min <= max. `options` outlives it.
  explicit ConcurrencyLimit(const conf::Concurrency& options);

  // Whether one more may join those under way.
  bool Admits(uint64_t in_flight, bool has_priority) const {
    return in_flight < (has_priority ? limit_ : common_limit_);
  }

  // A good reply; one that tells of a fault is none. This and the next two say whether limit() has changed.
  bool OnReply(const Reply& reply, net::TimePoint now) {
    if (rests_) return false;
    return Learn(reply, now);
  }
  // One of `in_flight` under way was not answered in time.
  bool OnTimeout(uint64_t in_flight, net::TimePoint now);
  // Once a second.
  bool OnSecond();

  // 0: there is none.
  uint32_t limit() const { return is_on_ ? limit_ : 0; }

 private:
  bool Learn(const Reply& reply, net::TimePoint now);
  bool FollowGradient(const LatencyGradient::WindowReading& window);
  bool Set(double value);
  bool UsesHalf(uint64_t in_flight) const { return in_flight * 2 >= limit_; }

  const conf::Concurrency& options_;
  bool is_on_;
  bool rests_ = false;         // No reply can tell it anything.
  uint32_t limit_ = 0;         // Of value_.
  uint32_t common_limit_ = 0;  // For requests without priority.
  double value_ = 0;
  uint64_t replies_ = 0;  // Since it last grew by one.
  net::TimePoint next_cut_{};
  bool was_used_ = false;      // Half of it, in this second.
  uint32_t calm_seconds_ = 0;  // In a row, before this one.
  LatencyGradient gradient_;   // Fed for kGradient only.
};

}  // namespace ringproxy::backends
