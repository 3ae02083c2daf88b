#include "backends/health/tail_latency.h"

namespace ringproxy::backends {

TailLatency::TailLatency(const conf::Breaker& options, bool keeps_percentile) : options_(options) {
  if (keeps_percentile || options.slow_factor.thousandths > 0) latencies_ = std::make_unique<LatencyWindow>();
}

void TailLatency::EndSecond(int64_t second) {
  if (!latencies_) return;
  // Of a few replies the percentile is the slowest one, and says nothing of the node.
  if (latencies_->total() >= options_.min_requests) {
    percentile_95_ = latencies_->Percentile(0.95);
    percentile_second_ = second;
  }
  latencies_->Clear();
}

std::optional<net::Duration> TailLatency::Percentile95(int64_t second) const {
  constexpr int64_t kStale = 3;
  if (!percentile_95_ || second - percentile_second_ > kStale) return std::nullopt;
  return percentile_95_;
}

uint32_t TailLatency::CompareWith(net::Duration median, int64_t second) {
  const std::optional<net::Duration> own = Percentile95(second);
  // Nothing new: a percentile stands for up to three seconds, which are one all the same.
  if (own && percentile_second_ == compared_second_) return 0;
  compared_second_ = percentile_second_;
  const bool outlying = options_.slow_factor.thousandths > 0 && own && *own >= kLeastCompared &&
                        own->count() * 1000 >= median.count() * options_.slow_factor.thousandths;
  outlying_seconds_ = outlying ? outlying_seconds_ + 1 : 0;
  return outlying_seconds_;
}

void TailLatency::Clear() {
  // A node that comes back is not judged by what was before.
  outlying_seconds_ = 0;
  percentile_95_.reset();
  if (latencies_) latencies_->Clear();
}

}  // namespace ringproxy::backends
