#include "backends/health/outlier.h"

#include <algorithm>

namespace ringproxy::backends {
namespace {

int64_t SecondOf(net::TimePoint time) {
  return time.time_since_epoch().count() / 1'000'000;
}

// Whether `part` of `whole` reach a ratio that is on.
bool Reaches(uint64_t part, uint64_t whole, conf::Ratio ratio) {
  return ratio.thousandths > 0 && part * 1000 >= whole * ratio.thousandths;
}

}  // namespace

Outlier::Outlier(const conf::Breaker& options, bool keeps_percentile)
    : options_(options), bucket_us_(options.window.count() / static_cast<int64_t>(kBuckets)) {
  if (keeps_percentile || options.slow_factor.thousandths > 0) latencies_ = std::make_unique<LatencyWindow>();
}

TripReason Outlier::OnReply(net::Duration latency, wire::Fault fault, bool timed, net::TimePoint now) {
  Advance(now);
  ++buckets_[bucket_].requests;
  ++all_.requests;
  if (fault != wire::Fault::kNone) {
    CountFailure();
    if (fault == wire::Fault::kHard) ++failures_in_row_;
    return FailureReason(TripReason::kFailures);
  }
  failures_in_row_ = timeouts_in_row_ = 0;
  if (!timed) return TripReason::kNone;
  if (latencies_) latencies_->Record(latency);
  ++timed_;
  if (!IsSlow(latency)) return TripReason::kNone;
  ++slow_;
  return SlowReason();
}

TripReason Outlier::OnTimeout(net::TimePoint now) {
  Advance(now);
  ++buckets_[bucket_].requests;
  ++all_.requests;
  ++buckets_[bucket_].timeouts;
  ++all_.timeouts;
  ++timeouts_in_row_;
  return FailureReason(TripReason::kTimeouts);
}

TripReason Outlier::OnLost(net::TimePoint now) {
  Advance(now);
  ++buckets_[bucket_].requests;
  ++all_.requests;
  CountFailure();
  return FailureReason(TripReason::kFailures);
}

void Outlier::CountFailure() {
  ++buckets_[bucket_].failures;
  ++all_.failures;
}

TripReason Outlier::FailureReason(TripReason if_in_row) const {
  const uint64_t in_row = failures_in_row_ + (judges_by_time_ ? timeouts_in_row_ : 0);
  if (options_.consecutive_failures > 0 && in_row >= options_.consecutive_failures) return if_in_row;
  if (all_.requests < options_.min_requests) return TripReason::kNone;
  const uint64_t failures = all_.failures + (judges_by_time_ ? all_.timeouts : 0);
  return Reaches(failures, all_.requests, options_.failure_ratio) ? TripReason::kFailures : TripReason::kNone;
}

// The seconds before count whole; this one as soon as it has enough replies to be judged.
TripReason Outlier::SlowReason() {
  const bool enough = judges_by_time_ && slow_seconds_ + 1 >= kSlowSeconds && timed_ >= options_.min_requests;
  return enough && Reaches(slow_, timed_, options_.slow_ratio) ? TripReason::kSlow : TripReason::kNone;
}

void Outlier::MoveTo(net::TimePoint now) {
  last_ = now;
  if (const int64_t second = SecondOf(now); second != second_) EndSecond(second);
  const int64_t number = now.time_since_epoch().count() / bucket_us_;
  if (number == bucket_number_) return;
  const auto passed = std::clamp<int64_t>(number - bucket_number_, 0, kBuckets);
  for (int64_t i = 0; i < passed; ++i) {
    bucket_ = (bucket_ + 1) % kBuckets;
    all_.requests -= buckets_[bucket_].requests;
    all_.failures -= buckets_[bucket_].failures;
    all_.timeouts -= buckets_[bucket_].timeouts;
    buckets_[bucket_] = {};
  }
  bucket_number_ = number;
}

void Outlier::EndSecond(int64_t second) {
  const bool judged = timed_ >= options_.min_requests;
  const bool was_slow = judged && Reaches(slow_, timed_, options_.slow_ratio);
  slow_seconds_ = was_slow && second == second_ + 1 ? slow_seconds_ + 1 : 0;
  timed_ = slow_ = 0;
  if (latencies_) {
    if (latencies_->total() >= options_.min_requests) {
      percentile_95_ = latencies_->Percentile(0.95);
      percentile_second_ = second_;
    }
    latencies_->Clear();
  }
  second_ = second;
}

std::optional<net::Duration> Outlier::Percentile95(net::TimePoint now) const {
  constexpr int64_t kStale = 3;
  if (!percentile_95_ || SecondOf(now) - percentile_second_ > kStale) return std::nullopt;
  return percentile_95_;
}

TripReason Outlier::OnPoolMedian(net::Duration median, net::TimePoint now) {
  const std::optional<net::Duration> own = Percentile95(now);
  // Nothing new: a percentile stands for up to three seconds, which are one all the same.
  if (own && percentile_second_ == compared_second_) return TripReason::kNone;
  compared_second_ = percentile_second_;
  const bool outlying = options_.slow_factor.thousandths > 0 && own && *own >= kLeastCompared &&
                        own->count() * 1000 >= median.count() * options_.slow_factor.thousandths;
  outlying_seconds_ = outlying ? outlying_seconds_ + 1 : 0;
  return judges_by_time_ && outlying_seconds_ >= kSlowSeconds ? TripReason::kSlowerThanPool : TripReason::kNone;
}

void Outlier::Clear() {
  buckets_.fill({});
  all_ = {};
  failures_in_row_ = timeouts_in_row_ = slow_seconds_ = outlying_seconds_ = timed_ = slow_ = 0;
  percentile_95_.reset();
  if (latencies_) latencies_->Clear();
}

}  // namespace ringproxy::backends
