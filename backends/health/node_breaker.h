// backends/health/node_breaker.h – Runs one worker's circuit breaker of a node: probes the node when that is due, and
// tells each change.
//
// Threads: its worker's. Lifetime: all that the constructor is given outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "backends/health/circuit_breaker.h"
#include "backends/health/node_record.h"
#include "backends/node_settings.h"
#include "backends/stats.h"
#include "backends/worker_io.h"

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

class NodeBreaker {
 public:
  using BreakerState = CircuitBreaker::BreakerState;

  // `probe` sends the node something harmless over a connection that is ready, if one is; the answer comes to OnProbe.
  // `on_closed`: what was held against the node is forgotten.
  NodeBreaker(WorkerIo& io, const conf::Breaker& options, NodeStats& stats, BreakerObserver& observer,
              std::shared_ptr<NodeRecord> node, std::function<void()> probe, std::function<void()> on_closed);

  bool Admits(bool is_read, uint64_t in_flight) { return breaker_.Admits(is_read, in_flight, io_.loop.now()); }
  BreakerState state() const { return breaker_.state(); }
  bool is_closed() const { return state() == BreakerState::kClosed; }

  // Opens it. `detail`: words that say more than the reason.
  void Trip(TripReason reason, std::string_view detail = {});
  // The same for what counts only while it is closed; kNone is no reason.
  void TripIfClosed(TripReason reason, std::string_view detail = {}) {
    if (reason != TripReason::kNone && is_closed()) Trip(reason, detail);
  }
  // What came of a client's request.
  void OnOutcome(bool good, net::TimePoint sent);
  // What came of a probe.
  void OnProbe(bool good);
  // A handshake has succeeded.
  void OnReady();
  // The node is well, as others know: no reason to wait for the end of the open time.
  void Hurry();
  // Nothing comes from the node: tells that a check is wanted.
  void TellSilence() {
    if (!retired_) observer_.OnBreaker({node_, state(), breaker_.reason(), {}, true});
  }
  // The node has left the pool: nothing that happens to it from now on is said to anybody.
  void Retire();
  bool is_retired() const { return retired_; }

 private:
  // Tells everybody who wants to know when the state is another than before.
  void Publish(std::string_view detail);
  void OnTimer();
  double Random() { return std::uniform_real_distribution<double>(0, 1)(io_.random); }

  WorkerIo& io_;
  NodeStats& stats_;
  BreakerObserver& observer_;
  std::shared_ptr<NodeRecord> node_;
  std::function<void()> probe_;
  std::function<void()> on_closed_;
  CircuitBreaker breaker_;
  std::unique_ptr<net::Timer> timer_;  // kOpen: its end. kHalfOpen: no client tried the node for a while.
  BreakerState published_ = BreakerState::kClosed;
  bool retired_ = false;
};

}  // namespace ringproxy::backends
