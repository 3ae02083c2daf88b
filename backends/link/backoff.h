// backends/link/backoff.h – How long to wait before the next attempt: twice as long after each failed one, up to a
// most, each wait drawn evenly from its upper half so that a fleet does not come back all at once.
//
// Threads: one owner's. Pure: fed with random numbers.
#pragma once

#include <algorithm>
#include <random>

#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::backends {

class Backoff {
 public:
  explicit Backoff(const conf::Reconnect& options) : options_(options) {}

  uint32_t failures() const { return failures_; }
  void OnFailure() { ++failures_; }
  void Reset() { failures_ = 0; }
  // Requires: failures() > 0.
  net::Duration Next(std::mt19937_64& random) const {
    const uint32_t doublings = std::min(failures_ - 1, 20U);
    const auto whole = std::min(options_.initial * (int64_t{1} << doublings), options_.max);
    return net::Duration(std::uniform_int_distribution<int64_t>(whole.count() / 2, whole.count())(random));
  }

 private:
  const conf::Reconnect& options_;
  uint32_t failures_ = 0;  // In a row.
};

}  // namespace ringproxy::backends
