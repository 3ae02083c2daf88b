#include "backends/health/outcome_window.h"

#include <algorithm>

namespace ringproxy::backends {

void OutcomeWindow::Slide(int64_t number) {
  // After a pause that is longer than the window every bucket is cleared once, however long it was.
  const auto passed = std::clamp<int64_t>(number - bucket_number_, 0, kBuckets);
  for (int64_t i = 0; i < passed; ++i) {
    bucket_ = (bucket_ + 1) % kBuckets;
    sums_.requests -= buckets_[bucket_].requests;
    sums_.failures -= buckets_[bucket_].failures;
    sums_.timeouts -= buckets_[bucket_].timeouts;
    buckets_[bucket_] = {};
  }
  bucket_number_ = number;
}

void OutcomeWindow::Clear() {
  buckets_.fill({});
  sums_ = {};
}

}  // namespace ringproxy::backends
