// backends/health/outlier.h – When the answers to clients' requests say that a node is sick.
//
// Purpose: the rules of conf::Breaker over one node's outcomes in one worker: failures in a row, their share in a
// sliding window, and slow replies: against a threshold, and by their 95th percentile against the pool's median node.
// Timeouts and slow replies always count, but while the node passes its checks no rule goes by them: JudgeByTime.
// A rule says its reason once; the caller opens the breaker and calls Clear when it closes.
// Threads: its worker's. Pure: fed with time and outcomes. Memory: about 2 KiB with slow_factor or hedging, else 300
// bytes. Cost: a few additions a reply.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "backends/health/circuit_breaker.h"
#include "backends/health/latency_window.h"
#include "backends/wire/fault.h"

namespace ringproxy::backends {

class Outlier {
 public:
  static constexpr uint32_t kSlowSeconds = 3;

  // `keeps_percentile`: even when slow_factor does not need it.
  Outlier(const conf::Breaker& options, bool keeps_percentile);

  // A reply after `latency`. `timed`: the clock may judge it. Both give the reason to open the breaker, or kNone.
  TripReason OnReply(net::Duration latency, wire::Fault fault, bool timed, net::TimePoint now);
  TripReason OnTimeout(net::TimePoint now);
  // A request that was lost with its connection: one of a share, and not of a row, for they are lost by the dozen.
  TripReason OnLost(net::TimePoint now);

  // Whether timeouts and slow replies may open the breaker.
  void JudgeByTime(bool may) { judges_by_time_ = may; }

  bool IsSlow(net::Duration latency) const {
    return options_.slow_ratio.thousandths > 0 && latency >= options_.slow_threshold;
  }

  // Of the last whole second with enough replies; nothing when it is older than three seconds.
  std::optional<net::Duration> Percentile95(net::TimePoint now) const;
  // Once a second: the median of the pool's nodes' percentiles.
  TripReason OnPoolMedian(net::Duration median, net::TimePoint now);

  void Clear();

 private:
  static constexpr size_t kBuckets = 10;  // Of the window.
  // What runs in a few hundred microseconds is too noisy to be compared.
  static constexpr net::Duration kLeastCompared = std::chrono::milliseconds(2);

  struct Bucket {
    uint32_t requests = 0;
    uint32_t failures = 0;
    uint32_t timeouts = 0;
  };

  void CountFailure();
  TripReason FailureReason(TripReason if_in_row) const;
  void Advance(net::TimePoint now) {
    if (now != last_) MoveTo(now);
  }
  void MoveTo(net::TimePoint now);
  void EndSecond(int64_t second);
  TripReason SlowReason();

  const conf::Breaker& options_;
  std::array<Bucket, kBuckets> buckets_{};
  Bucket all_{};
  net::TimePoint last_{};  // Most replies of a turn have the same time.
  int64_t bucket_us_;
  int64_t bucket_number_ = 0;
  size_t bucket_ = 0;
  // Since the last good reply.
  uint32_t failures_in_row_ = 0;
  uint32_t timeouts_in_row_ = 0;
  bool judges_by_time_ = true;
  // Of this second.
  int64_t second_ = 0;
  uint32_t timed_ = 0;
  uint32_t slow_ = 0;
  uint32_t slow_seconds_ = 0;      // In a row, before this one.
  uint32_t outlying_seconds_ = 0;  // By the pool's median.
  std::unique_ptr<LatencyWindow> latencies_;
  std::optional<net::Duration> percentile_95_;
  int64_t percentile_second_ = 0;
  int64_t compared_second_ = -1;  // The percentile that OnPoolMedian has judged last.
};

}  // namespace ringproxy::backends
