#include "backends/health/circuit_breaker.h"

#include <cassert>

namespace ringproxy::backends {
namespace {

constexpr net::Duration kLongestOpen = std::chrono::seconds(60);
constexpr double kSpread = 0.2;
constexpr uint32_t kOneIn = 100;
// A ramp does not begin below this: a pipelining client has as much under way at any time.
constexpr uint64_t kLeastCap = 64;

}  // namespace

bool CircuitBreaker::MayMove(BreakerState from, BreakerState to) {
  switch (to) {
    case BreakerState::kClosed: return from == BreakerState::kHalfOpen;
    case BreakerState::kOpen: return true;  // Anew: a failed probe.
    case BreakerState::kHalfOpen: return from == BreakerState::kOpen;
  }
  return false;
}

void CircuitBreaker::Enter(BreakerState next, net::TimePoint now) {
  assert(MayMove(state_, next));
  state_ = next;
  since_ = now;
  trial_successes_ = 0;
  trial_asked_ = 0;
  ramping_ = next == BreakerState::kClosed && options_.ramp > net::Duration(0);
}

bool CircuitBreaker::Admits(bool is_read, uint64_t in_flight, net::TimePoint now) {
  switch (state_) {
    case BreakerState::kClosed:
      ramping_ = ramping_ && now - since_ < options_.ramp;
      return !ramping_ || in_flight < Cap(now);
    case BreakerState::kOpen: return false;
    // A read that fails on trial can be asked again, while nobody knows what became of a write. One in a hundred goes
    // beside the one under way, so that a request that hangs does not stop the trial.
    case BreakerState::kHalfOpen: return is_read && (in_flight == 0 || trial_asked_++ % kOneIn == 0);
  }
  return false;
}

// Grows evenly.
uint64_t CircuitBreaker::Cap(net::TimePoint now) const {
  const auto passed = static_cast<uint64_t>(std::max<int64_t>(0, (now - since_).count()));
  const auto ramp = static_cast<uint64_t>(options_.ramp.count());
  return std::max(kLeastCap, usual_in_flight_ * passed / ramp);
}

void CircuitBreaker::Trip(TripReason reason, uint64_t in_flight, double random, net::TimePoint now) {
  if (state_ == BreakerState::kClosed) {
    // Only while the breaker is closed is what is under way the usual load.
    usual_in_flight_ = in_flight;
    const bool was_well = now - since_ >= std::max(open_for_, net::Duration(options_.open));
    if (was_well) open_for_ = net::Duration(0);
  }
  // One that was cut short leaves the next as long: a node that flaps takes dozens of handshakes within a second, and
  // would be cut off for a minute once it is well.
  const bool has_lasted = now >= open_until_;
  if (open_for_ == net::Duration(0)) {
    open_for_ = options_.open;
  } else if (has_lasted) {
    open_for_ = std::min(open_for_ * 3 / 2, kLongestOpen);
  }
  const double spread = 1 + kSpread * (2 * random - 1);
  open_until_ = now + net::Duration(static_cast<int64_t>(static_cast<double>(open_for_.count()) * spread));
  reason_ = reason;
  Enter(BreakerState::kOpen, now);
}

void CircuitBreaker::OnProbe(bool good, double random, net::TimePoint now) {
  if (state_ == BreakerState::kClosed) return;
  if (!good) return Trip(reason_, usual_in_flight_, random, now);
  if (state_ == BreakerState::kOpen) return Enter(BreakerState::kHalfOpen, now);
  if (++trial_successes_ == kTrialSuccesses) Enter(BreakerState::kClosed, now);
}

void CircuitBreaker::OnOutcome(bool good, uint64_t in_flight, double random, net::TimePoint sent, net::TimePoint now) {
  // The answer to what was sent before the trial says nothing of how the node is now.
  if (state_ != BreakerState::kHalfOpen || sent < since_) return;
  if (!good) return Trip(reason_, in_flight, random, now);
  if (++trial_successes_ == kTrialSuccesses) Enter(BreakerState::kClosed, now);
}

}  // namespace ringproxy::backends
