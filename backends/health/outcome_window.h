// backends/health/outcome_window.h – How one node's requests of the last while ended.
//
// Purpose: a sliding window in ten buckets. The oldest leaves when a new one begins, and its part of the sums with it:
// a rule reads sums and adds up nothing.
// Threads: one owner's. Pure: fed with time. Memory: 160 bytes. Cost: two or four additions a request.
#pragma once

#include <array>
#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class OutcomeWindow {
 public:
  struct Sums {
    uint32_t requests = 0;
    uint32_t failures = 0;
    uint32_t timeouts = 0;
  };

  // Requires: `length` is at least ten microseconds.
  explicit OutcomeWindow(net::Duration length) : bucket_us_(length.count() / static_cast<int64_t>(kBuckets)) {}

  // What is added from now on belongs to `now`, which does not go back.
  void MoveTo(net::TimePoint now) {
    const int64_t number = now.time_since_epoch().count() / bucket_us_;
    if (number != bucket_number_) Slide(number);
  }
  void AddGood() { AddRequest(); }
  void AddFailure() {
    AddRequest();
    ++buckets_[bucket_].failures;
    ++sums_.failures;
  }
  void AddTimeout() {
    AddRequest();
    ++buckets_[bucket_].timeouts;
    ++sums_.timeouts;
  }

  const Sums& sums() const { return sums_; }
  void Clear();

 private:
  static constexpr size_t kBuckets = 10;

  void AddRequest() {
    ++buckets_[bucket_].requests;
    ++sums_.requests;
  }
  void Slide(int64_t number);

  std::array<Sums, kBuckets> buckets_{};
  Sums sums_{};
  int64_t bucket_us_;
  int64_t bucket_number_ = 0;  // Since the clock began.
  size_t bucket_ = 0;
};

}  // namespace ringproxy::backends
