// proxy/state/wait_patience.h – How long the proxy waits for a node that was told to wait.
//
// Threads: a pure function.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "conf/config.h"

namespace ringproxy::proxy {

// In seconds: longer than the node waits itself, by what any request may take. 0, either of them: without end.
inline uint32_t PatienceOf(double seconds, const conf::Timeouts& timeouts) {
  constexpr double kMost = std::numeric_limits<uint32_t>::max() / 2;
  const double grace = std::chrono::duration<double>(conf::TotalOf(timeouts)).count() + 1;
  return seconds <= 0 || seconds > kMost ? 0 : static_cast<uint32_t>(seconds + grace + 1);
}

}  // namespace ringproxy::proxy
