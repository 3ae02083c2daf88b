#include "tests/support/lease_store.h"

#include <algorithm>
#include <cmath>

namespace ringproxy::test {

proxy::LeaseReply LeaseStore::Call(const proxy::LeaseTerms& terms, const proxy::LeaseRequest& request, int64_t now_us) {
  const auto number = [](auto integer) { return static_cast<double>(integer); };
  const double now = number(now_us), burst = number(terms.burst), want = number(request.want);
  if (tat_ && now >= expires_us_) tat_.reset();
  const double per_token = number(terms.rate.window.count()) / number(terms.rate.amount);
  const double tolerance = std::ceil(burst * per_token);
  const double furthest = now + tolerance + std::ceil(std::max(1e6, request.lessees * per_token));
  double tat = now;
  if (tat_) {
    tat = std::min(std::max(*tat_, now), furthest);
  } else if (request.after_outage) {
    tat = now + tolerance;
  }
  tat = std::min(tat + std::ceil(number(request.debt) * per_token), furthest);
  double granted = 0, retry_after = 0;
  if (want > 0) {
    const double least = std::min(std::max(number(request.least), 1.0), want);
    const double free = std::min(burst, std::floor((now - tat + tolerance) / per_token));
    if (least > burst) {
      retry_after = -1;
    } else if (free >= least) {
      granted = std::min(want, free);
      tat += std::ceil(granted * per_token);
    } else {
      retry_after = std::max(1.0, std::ceil(least * per_token - tolerance - (now - tat)));
    }
  }
  if (tat > now && tat_ != tat) {
    tat_ = tat;
    expires_us_ = now + (std::ceil((tat - now) / 1000) + 1000) * 1000;
  }
  return {.granted = static_cast<uint64_t>(granted),
          .retry_after = net::Duration(static_cast<int64_t>(retry_after)),
          .used_thousandths = static_cast<uint32_t>(std::floor((tat - now) * 1000 / tolerance))};
}

}  // namespace ringproxy::test
