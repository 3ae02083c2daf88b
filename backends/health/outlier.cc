#include "backends/health/outlier.h"

#include "backends/health/ratio_rule.h"

namespace ringproxy::backends {

Outlier::Outlier(const conf::Breaker& options, bool keeps_percentile)
    : options_(options), window_(options.window), slow_seconds_(options), tail_(options, keeps_percentile) {}

[[gnu::always_inline]] inline TripReason Outlier::JudgeTime(net::Duration latency, bool timed) {
  if (!timed) return TripReason::kNone;
  tail_.Record(latency);
  if (!slow_seconds_.Add(latency)) return TripReason::kNone;
  return judges_by_time_ && slow_seconds_.in_row() >= kSlowSeconds ? TripReason::kSlow : TripReason::kNone;
}

TripReason Outlier::OnReply(net::Duration latency, wire::Fault fault, bool timed, net::TimePoint now) {
  Advance(now);
  if (fault != wire::Fault::kNone) {
    window_.AddFailure();
    // A soft fault may be the request's own, and one client could send many of them in a row.
    if (fault == wire::Fault::kHard) ++failures_in_row_;
    return FailureReason(TripReason::kFailures);
  }
  window_.AddGood();
  failures_in_row_ = timeouts_in_row_ = 0;
  return JudgeTime(latency, timed);
}

TripReason Outlier::OnAnswer(net::Duration latency, bool timed, net::TimePoint now) {
  Advance(now);
  window_.AddGood();
  timeouts_in_row_ = 0;
  return JudgeTime(latency, timed);
}

TripReason Outlier::OnTimeout(net::TimePoint now) {
  Advance(now);
  // It counts while time may not judge too: once a check has failed, what came before it says something.
  window_.AddTimeout();
  ++timeouts_in_row_;
  return FailureReason(TripReason::kTimeouts);
}

TripReason Outlier::OnLost(net::TimePoint now) {
  Advance(now);
  window_.AddFailure();
  return FailureReason(TripReason::kFailures);
}

TripReason Outlier::FailureReason(TripReason if_in_row) const {
  const uint64_t in_row = failures_in_row_ + (judges_by_time_ ? timeouts_in_row_ : 0);
  if (options_.consecutive_failures > 0 && in_row >= options_.consecutive_failures) return if_in_row;
  const OutcomeWindow::Sums& sums = window_.sums();
  // A share of few requests says nothing.
  if (sums.requests < options_.min_requests) return TripReason::kNone;
  const uint64_t failures = sums.failures + (judges_by_time_ ? sums.timeouts : 0);
  return Reaches(failures, sums.requests, options_.failure_ratio) ? TripReason::kFailures : TripReason::kNone;
}

void Outlier::MoveTo(net::TimePoint now) {
  last_ = now;
  if (const int64_t second = SecondOf(now); second != second_) {
    // A second without any reply ends the row of slow ones.
    slow_seconds_.EndSecond(second == second_ + 1);
    tail_.EndSecond(second_);
    second_ = second;
  }
  window_.MoveTo(now);
}

TripReason Outlier::OnPoolMedian(net::Duration median, net::TimePoint now) {
  const uint32_t outlying_seconds = tail_.CompareWith(median, SecondOf(now));
  return judges_by_time_ && outlying_seconds >= kSlowSeconds ? TripReason::kSlowerThanPool : TripReason::kNone;
}

void Outlier::Clear() {
  window_.Clear();
  failures_in_row_ = timeouts_in_row_ = 0;
  slow_seconds_.Clear();
  tail_.Clear();
}

}  // namespace ringproxy::backends
