// backends/health/circuit_breaker.h – Whether a worker asks a node at all (M. Nygard, "Release It!").
//
//   kClosed → kOpen → kHalfOpen → kClosed;  kHalfOpen → kOpen
//
// Open: every request is refused at once. When the time is up, or somebody knows better (a handshake, a health check),
// a synthetic probe is due; only after it has succeeded a few reads are let through, and three good answers close the
// breaker. Then the requests in flight grow back over the ramp, so that a cold node is not run over. The ring's weights
// never change, for that would move keys.
// Each opening lasts half as long again as the one before that was not cut short, up to a minute, until the node has
// been well for as long as it was last cut off; the caller's random number spreads workers and proxies by 20 %.
//
// Threads: its worker's. Pure: fed with time, outcomes and random numbers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::backends {

// Why a breaker opened; also shown to operators.
enum class TripReason : uint8_t { kNone, kConnection, kTimeouts, kFailures, kSlow, kSlowerThanPool };

class CircuitBreaker {
 public:
  enum class BreakerState : uint8_t { kClosed, kOpen, kHalfOpen };

  static constexpr uint32_t kTrialSuccesses = 3;

  explicit CircuitBreaker(const conf::Breaker& options) : options_(options) {}

  BreakerState state() const { return state_; }
  TripReason reason() const { return reason_; }  // Of the last opening.

  // Whether a request may be sent that would be the node's `in_flight`-th and one more. In kHalfOpen: a read, as the
  // only one or one in a hundred.
  bool Admits(bool is_read, uint64_t in_flight, net::TimePoint now);

  // Opens it, from any state; `in_flight` is what the ramp will grow back to. `random` in [0, 1).
  void Trip(TripReason reason, uint64_t in_flight, double random, net::TimePoint now);

  // kOpen, and its time is up: ask the node something harmless and tell by OnProbe.
  bool ProbeIsDue(net::TimePoint now) const { return state_ == BreakerState::kOpen && now >= open_until_; }
  net::TimePoint open_until() const { return open_until_; }
  // Makes it due. Requires: kOpen.
  void EndWait(net::TimePoint now) { open_until_ = std::min(open_until_, now); }
  // An answer to something harmless, asked for or not. Good: kOpen → kHalfOpen at once, and a success in kHalfOpen.
  void OnProbe(bool good, double random, net::TimePoint now);

  // The answer to a request that was sent at `sent`. Counts in kHalfOpen only, where one bad one opens it again.
  void OnOutcome(bool good, uint64_t in_flight, double random, net::TimePoint sent, net::TimePoint now);

 private:
  static bool MayMove(BreakerState from, BreakerState to);
  void Enter(BreakerState next, net::TimePoint now);
  uint64_t Cap(net::TimePoint now) const;

  const conf::Breaker& options_;
  BreakerState state_ = BreakerState::kClosed;
  TripReason reason_ = TripReason::kNone;
  net::Duration open_for_{0};     // The last opening's length before it was spread.
  net::TimePoint open_until_{};   // In kOpen.
  net::TimePoint since_{};        // Of the state.
  uint64_t usual_in_flight_ = 0;  // Before it opened.
  uint32_t trial_successes_ = 0;
  uint32_t trial_asked_ = 0;  // Reads that asked for admission in kHalfOpen.
  bool ramping_ = false;
};

}  // namespace ringproxy::backends
