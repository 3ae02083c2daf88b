// backends/health/health_state.h – What a row of checks says of a node: up or down, and when to check again.
//
// The first check decides at once; from then on `fall` failures in a row make it down and `rise` successes up (as
// HAProxy has it). While the last checks disagree with the state they follow each other at the fast interval; a node
// that stays down is checked ever less often, up to down_interval. A node that is silent to clients and does not answer
// a check in time either is down at once, and up again with its first answer. Threads: the control loop's. Pure: fed
// with results and random numbers.
#pragma once

#include <cstdint>

#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::backends {

class HealthState {
 public:
  enum class CheckedState : uint8_t { kUnknown, kUp, kDown };

  explicit HealthState(const conf::Health& options) : options_(options) {}

  CheckedState state() const { return state_; }
  // True when the state has changed.
  bool OnCheck(bool good);
  // A silent node was asked and has not answered in time. True when the state has changed.
  bool OnSilence();
  // From the end of a check to the next one; `random` in [0, 1) spreads it by 10 %.
  net::Duration Wait(double random) const;

 private:
  const conf::Health& options_;
  CheckedState state_ = CheckedState::kUnknown;
  uint32_t against_ = 0;      // Checks in a row that disagree with the state.
  uint32_t down_checks_ = 0;  // Failed ones in a row.
  bool by_silence_ = false;   // It is down, by OnSilence.
};

}  // namespace ringproxy::backends
