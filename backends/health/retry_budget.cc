#include "backends/health/retry_budget.h"

#include <algorithm>

namespace ringproxy::backends {

RetryBudget::RetryBudget(conf::Ratio share, conf::Rate least)
    : share_thousandths_(share.thousandths),
      least_(least.amount * kSeconds * 1'000'000 / static_cast<uint64_t>(least.window.count())) {}

bool RetryBudget::Spend(net::TimePoint now) {
  Advance(now);
  // In thousandths and without a division, so that nothing is rounded in favour of one request more.
  if ((all_spent_ + 1) * 1000 > all_requests_ * share_thousandths_ + least_ * 1000) return false;
  ++spent_[current_];
  ++all_spent_;
  return true;
}

void RetryBudget::MoveTo(int64_t second) {
  const auto passed = static_cast<size_t>(std::clamp<int64_t>(second - second_, 0, kSeconds));
  for (size_t i = 0; i < passed; ++i) {
    current_ = (current_ + 1) % kSeconds;
    all_requests_ -= requests_[current_];
    all_spent_ -= spent_[current_];
    requests_[current_] = spent_[current_] = 0;
  }
  second_ = second;
}

}  // namespace ringproxy::backends
