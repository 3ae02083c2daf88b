// backends/health/node_guard.h – Stands before one node in one worker: decides whether a request is sent, and learns
// from what became of it.
//
// Purpose: puts together what the process has decided (the verdict), this worker's circuit breaker and its rules, the
// limits on requests in flight and on new connections, and the load that a bounded ring counts. A node's connections
// tell it everything.
// Where the process checks the node, time alone says little: a client's slow command is no illness. From a node that is
// silent it asks for a check, and neither timeouts nor slow replies open the breaker unless a check has failed.
// Threads: its worker's. Lifetime: all that the constructor is given outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "backends/health/circuit_breaker.h"
#include "backends/health/claim.h"
#include "backends/health/concurrency_limit.h"
#include "backends/health/connect_budget.h"
#include "backends/health/node_record.h"
#include "backends/health/outlier.h"
#include "backends/node_settings.h"
#include "backends/stats.h"
#include "backends/worker_io.h"
#include "ring/bounded_load.h"

namespace ringproxy::backends {

// What a worker finds out about a node, told to the process: its breaker has moved, or nothing comes from the node.
struct BreakerNews {
  std::shared_ptr<NodeRecord> node;
  CircuitBreaker::BreakerState state;
  TripReason reason;
  std::string detail;      // The operating system's or the node's own words, if there are any.
  bool is_silent = false;  // Something waits and nothing comes; the breaker has not moved.
};

class BreakerObserver {
 public:
  virtual void OnBreaker(const BreakerNews& news) = 0;

 protected:
  ~BreakerObserver() = default;
};

class NodeGuard {
 public:
  struct GuardParts {
    WorkerIo& io;
    const NodeSettings& settings;
    const std::atomic<Verdict>& verdict;  // The record's.
    NodeStats& stats;                     // The record's, of this worker.
    BreakerObserver& observer;
    std::shared_ptr<NodeRecord> node;
    ring::BoundedLoad* bound = nullptr;  // The pool's, if it has one.
    ring::NodeIndex index = 0;           // In the pool, for `bound`.
    bool keeps_percentile = false;
    uint32_t connections = 1;
  };

  // `probe` sends the node something harmless over a connection that is ready, if one is; the answer comes to OnProbe.
  // `follow`: a connection is ready, so that the others that wait may ask again whether they may be opened.
  NodeGuard(const GuardParts& parts, std::function<void()> probe, std::function<void()> follow);

  // While a breaker's ramp and the limit both say how many may be in flight, the lower number counts.
  Admission Admits(Claim claim) {
    const Verdict verdict = parts_.verdict.load(std::memory_order_relaxed);
    const uint64_t in_flight = parts_.stats.in_flight.value();
    if (verdict == Verdict::kEjected) return Admission::kDown;
    if (verdict == Verdict::kServe && !breaker_.Admits(claim.is_read, in_flight, parts_.io.loop.now()))
      return Admission::kDown;
    return limit_.Admits(in_flight, claim.has_priority) ? Admission::kGranted : Admission::kFull;
  }
  bool HasRoom() const { return parts_.bound == nullptr || parts_.bound->HasRoom(parts_.index); }

  // A request enters or leaves the FIFO of a connection.
  void OnSent() {
    parts_.stats.in_flight.Add();
    if (parts_.bound != nullptr) parts_.bound->Begin(parts_.index);
  }
  void OnGone() {
    parts_.stats.in_flight.Subtract(1);
    if (parts_.bound != nullptr) parts_.bound->End(parts_.index);
  }
  // A client's request was answered, or was not in time. `timed`: the clock may judge it.
  void OnReply(net::TimePoint sent, wire::Fault fault, bool timed);
  void OnTimeout(net::TimePoint sent, bool timed);
  // Its connection broke before its reply came.
  void OnLost(net::TimePoint sent, std::string_view why);
  // The answer to the probe; a slow one, or none in time, is not good.
  void OnProbeReply(net::TimePoint sent, wire::Fault fault);
  void OnProbe(bool good);
  // A handshake has succeeded, or a connection could not be had.
  void OnReady();
  void OnConnectFailed(std::string_view why);
  // Something heavy is sent; it is answered, or nobody waits for it any more.
  void OnHeavySent() { parts_.stats.heavy_in_flight.Add(); }
  void OnHeavyOver() {
    parts_.stats.heavy_in_flight.Subtract(1);
    heavy_until_ = parts_.io.loop.now();
  }
  // This worker had nothing heavy on the node since then.
  bool WasSparedSince(net::TimePoint time) const {
    return parts_.stats.heavy_in_flight.value() == 0 && time >= heavy_until_;
  }
  // Bytes came from the node.
  void OnHeard() { heard_ = parts_.io.loop.now(); }
  // Something has waited since `since`. Asks for a check if nothing has come for as long as a check may take; returns
  // when to look again. Requires: the process checks the node.
  net::TimePoint LookForSilence(net::TimePoint since);
  // Whether a silence may be held against a connection.
  bool MayCountSilence() const {
    return parts_.stats.heavy_in_flight.value() == 0 && !(asked_ && parts_.io.loop.now() < asked_until_);
  }
  // A connection is given up because nothing comes.
  void OnSilence();
  // 0: a connection may be opened now, which is counted. Else the wait until one may. `was_ready`: it counts as ready
  // still.
  net::Duration WaitToConnect(bool was_ready) {
    const bool has_ready = parts_.stats.ready_connections.value() > (was_ready ? 1 : 0);
    return connects_.Wait(parts_.io.loop.now(), has_ready, parts_.io.random);
  }
  // False after an attempt has failed while no other connection was ready, until one is: nobody should wait for the
  // next attempt.
  bool takes_connections() const { return takes_connections_; }
  // The node is `index` of `bound` now, and `settings` say something else: of its breaker, its limit and the rate of
  // its connections as far as the flags tell, which begin anew then.
  struct Changes {
    ring::BoundedLoad* bound;
    ring::NodeIndex index;
    bool keeps_percentile;
    bool of_breaker;
    bool of_limit;
    bool of_connects;
  };
  void Adopt(const Changes& changes);
  // The node has left the pool: nothing that happens to it from now on is said to anybody.
  void Retire();
  // The node's connections have all been closed.
  void OnClosed() { connects_.OnGivenUp(); }
  // A check went well: no reason to wait for the end of the open time. One has failed.
  void Hurry();
  void OnCheckFailed();

  // How long a check waits while something heavy is under way on the node.
  static constexpr net::Duration kLongestCheck = std::chrono::seconds(5);

  CircuitBreaker::BreakerState breaker_state() const { return breaker_.state(); }
  std::optional<net::Duration> Percentile95() const { return outlier_.Percentile95(parts_.io.loop.now()); }
  // Once a second, both.
  void OnSecond() { Note(limit_.OnSecond()); }
  void OnPoolMedian(net::Duration median);

 private:
  // A client's request got no reply; `reason`, if there is one, opens the breaker.
  void OnNoReply(TripReason reason, std::string_view detail, net::TimePoint sent);
  void Trip(TripReason reason, std::string_view detail = {});
  void Note(bool limit_changed) {
    if (limit_changed && !retired_) parts_.stats.concurrency_limit.Set(limit_.limit());
  }
  // Tells everybody who wants to know when the breaker's state is another than before.
  void Publish(std::string_view detail);
  void OnTimer();
  bool is_checked() const { return parts_.settings.check_timeout > net::Duration(0); }
  void JudgeByTime(bool may) {
    may_judge_by_time_ = may;
    outlier_.JudgeByTime(may);
  }
  double Random() { return std::uniform_real_distribution<double>(0, 1)(parts_.io.random); }

  GuardParts parts_;
  std::function<void()> probe_;
  std::function<void()> follow_;
  CircuitBreaker breaker_;
  Outlier outlier_;
  ConcurrencyLimit limit_;
  ConnectBudget connects_;
  std::unique_ptr<net::Timer> timer_;  // kOpen: its end. kHalfOpen: no client tried the node for a while.
  CircuitBreaker::BreakerState published_ = CircuitBreaker::BreakerState::kClosed;
  bool takes_connections_ = true;
  net::TimePoint heavy_until_{};  // When something heavy was last under way.
  net::TimePoint heard_{};        // When bytes last came.
  net::TimePoint told_{};         // When a silence was last told.
  // The process was asked for a check and has not said what came of it. It may forget to: nobody checks a node that an
  // operator has disabled.
  bool asked_ = false;
  net::TimePoint asked_until_{};
  bool may_judge_by_time_;  // Nobody checks it, or its last check has failed.
  bool retired_ = false;
};

}  // namespace ringproxy::backends
