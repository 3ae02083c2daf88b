// backends/health/outlier.h – When the answers to clients' requests say that a node is sick.
//
// Purpose: the rules of conf::Breaker over one node's outcomes in one worker: failures in a row, their share in a
// sliding window, and slow replies: against a threshold, and by their 95th percentile against the pool's median node.
// The parts count (OutcomeWindow, SlowSeconds, TailLatency); what is enough is decided here.
// Timeouts and slow replies always count, but while the node passes its checks no rule goes by them: JudgeByTime.
// A rule says its reason once; the caller opens the breaker and calls Clear when it closes.
// Threads: its worker's. Pure: fed with time and outcomes. Memory: about 2 KiB with slow_factor or hedging, else 300
// bytes. Cost: a few additions a reply.
#pragma once

#include <cstdint>
#include <optional>

#include "backends/health/circuit_breaker.h"
#include "backends/health/outcome_window.h"
#include "backends/health/slow_seconds.h"
#include "backends/health/tail_latency.h"
#include "backends/wire/fault.h"

namespace ringproxy::backends {

class Outlier {
 public:
  static constexpr uint32_t kSlowSeconds = 3;

  // `keeps_percentile`: even when slow_factor does not need it.
  Outlier(const conf::Breaker& options, bool keeps_percentile);

  // A reply after `latency`. `timed`: the clock may judge it. All give the reason to open the breaker, or kNone.
  TripReason OnReply(net::Duration latency, wire::Fault fault, bool timed, net::TimePoint now);
  // A reply whose words are not the node's: that it came, and when, says as much as any other's.
  TripReason OnAnswer(net::Duration latency, bool timed, net::TimePoint now);
  TripReason OnTimeout(net::TimePoint now);
  // A request that was lost with its connection: one of a share, and not of a row, for they are lost by the dozen.
  TripReason OnLost(net::TimePoint now);

  // Whether timeouts and slow replies may open the breaker.
  void JudgeByTime(bool may) { judges_by_time_ = may; }

  bool IsSlow(net::Duration latency) const { return slow_seconds_.IsSlow(latency); }

  // Of the last whole second with enough replies; nothing when it is older than three seconds.
  std::optional<net::Duration> Percentile95(net::TimePoint now) const { return tail_.Percentile95(SecondOf(now)); }
  // Once a second: the median of the pool's nodes' percentiles.
  TripReason OnPoolMedian(net::Duration median, net::TimePoint now);

  void Clear();

 private:
  static int64_t SecondOf(net::TimePoint time) { return time.time_since_epoch().count() / 1'000'000; }

  TripReason FailureReason(TripReason if_in_row) const;
  // Of a good reply.
  TripReason JudgeTime(net::Duration latency, bool timed);
  void Advance(net::TimePoint now) {
    if (now != last_) MoveTo(now);
  }
  // Inlined, its registers would be saved for every reply.
  [[gnu::noinline]] void MoveTo(net::TimePoint now);

  const conf::Breaker& options_;
  OutcomeWindow window_;
  net::TimePoint last_{};  // Most replies of a turn have the same time.
  int64_t second_ = 0;     // Of it.
  // Since the last good reply.
  uint32_t failures_in_row_ = 0;
  uint32_t timeouts_in_row_ = 0;
  bool judges_by_time_ = true;
  SlowSeconds slow_seconds_;
  TailLatency tail_;
};

}  // namespace ringproxy::backends
