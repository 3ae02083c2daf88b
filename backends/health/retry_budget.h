// backends/health/retry_budget.h – How many extra requests a pool may be sent: a share of the requests of the last ten
// seconds, and a least rate (Dean and Barroso, "The tail at scale", CACM 2013; Finagle's retry budget).
//
// Without a budget a failing node gets a multiple of its load just when it can take the least.
// Promise: whenever one is granted, the last ten whole seconds have seen at most share * their requests + least * 10 s.
// Threads: one owner's. Fed with time.
#pragma once

#include <array>
#include <cstdint>

#include "backends/net/loop.h"
#include "conf/config.h"

namespace ringproxy::backends {

class RetryBudget {
 public:
  RetryBudget(conf::Ratio share, conf::Rate least);

  void OnRequest(net::TimePoint now) {
    Advance(now);
    ++requests_[current_];
    ++all_requests_;
  }
  // Whether one more is within the budget; then it is spent.
  bool Spend(net::TimePoint now);

 private:
  static constexpr size_t kSeconds = 10;

  void Advance(net::TimePoint now) {
    const int64_t second = now.time_since_epoch().count() / 1'000'000;
    if (second != second_) MoveTo(second);
  }
  void MoveTo(int64_t second);

  uint64_t share_thousandths_;
  uint64_t least_;  // In the whole window.
  std::array<uint64_t, kSeconds> requests_{};
  std::array<uint64_t, kSeconds> spent_{};
  uint64_t all_requests_ = 0;
  uint64_t all_spent_ = 0;
  int64_t second_ = 0;
  size_t current_ = 0;
};

}  // namespace ringproxy::backends
