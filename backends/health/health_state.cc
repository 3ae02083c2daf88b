#include "backends/health/health_state.h"

#include <algorithm>

namespace ringproxy::backends {

bool HealthState::OnCheck(bool good) {
  const CheckedState says = good ? CheckedState::kUp : CheckedState::kDown;
  down_checks_ = good ? 0 : down_checks_ + 1;
  if (says == state_) {
    against_ = 0;
    return false;
  }
  ++against_;
  const uint32_t needed = state_ == CheckedState::kUnknown || by_silence_ ? 1 : good ? options_.rise : options_.fall;
  if (against_ < needed) return false;
  state_ = says;
  against_ = 0;
  by_silence_ = false;
  return true;
}

bool HealthState::OnSilence() {
  ++down_checks_;
  against_ = 0;
  if (state_ == CheckedState::kDown) return false;
  state_ = CheckedState::kDown;
  by_silence_ = true;
  return true;
}

net::Duration HealthState::Wait(double random) const {
  net::Duration wait = options_.interval;
  // By a silence alone: it may be over in a moment.
  if (against_ > 0 || (by_silence_ && down_checks_ < options_.fall)) {
    wait = std::min<net::Duration>(wait, options_.fast_interval);
  } else if (state_ == CheckedState::kDown) {
    // From the usual interval to the longest, half as long again each time.
    for (uint32_t i = options_.fall; i < down_checks_ && wait < options_.down_interval; ++i) wait = wait * 3 / 2;
    wait = std::min<net::Duration>(wait, std::max(options_.interval, options_.down_interval));
  }
  // Otherwise all nodes of a pool would be checked in the same moment, by every proxy that was started with it.
  constexpr double kSpread = 0.1;
  return net::Duration(static_cast<int64_t>(static_cast<double>(wait.count()) * (1 + kSpread * (2 * random - 1))));
}

}  // namespace ringproxy::backends
