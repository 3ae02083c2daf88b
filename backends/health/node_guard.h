// backends/health/node_guard.h – Stands before one node in one worker: decides whether a request is sent, and learns
// from what became of it.
//
// Purpose: puts together what the process has decided (the verdict), this worker's circuit breaker and its rules, the
// limits on requests in flight and on new connections, and the load that a bounded ring counts. A node's connections
// tell it everything.
// Neither timeouts nor slow replies open the breaker unless the node's check has failed too, where it is checked: see
// SilenceWatch.
// Threads: its worker's. Lifetime: all that the constructor is given outlives it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "backends/health/claim.h"
#include "backends/health/concurrency_limit.h"
#include "backends/health/connect_budget.h"
#include "backends/health/connect_turns.h"
#include "backends/health/heavy_work.h"
#include "backends/health/node_breaker.h"
#include "backends/health/node_record.h"
#include "backends/health/outlier.h"
#include "backends/health/request_load.h"
#include "backends/health/silence_watch.h"
#include "backends/node_settings.h"
#include "backends/stats.h"
#include "backends/worker_io.h"

namespace ringproxy::backends {

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
    ConnectTurns* turns = nullptr;  // Of links that one client each has for itself, if there are any.
  };

  // `probe` sends the node something harmless over a connection that is ready, if one is; the answer comes to OnProbe.
  // `follow`: a connection is ready, so that the others that wait may ask again whether they may be opened.
  NodeGuard(const GuardParts& parts, std::function<void()> probe, std::function<void()> follow);

  // While a breaker's ramp and the limit both say how many may be in flight, the lower number counts.
  Admission Admits(Claim claim) {
    const Verdict verdict = parts_.verdict.load(std::memory_order_relaxed);
    const uint64_t in_flight = load_.in_flight();
    if (verdict == Verdict::kEjected) return Admission::kDown;
    if (verdict == Verdict::kServe && !breaker_.Admits(claim.is_read, in_flight)) return Admission::kDown;
    return limit_.Admits(in_flight, claim.has_priority) ? Admission::kGranted : Admission::kFull;
  }
  // What its connections tell of requests that enter and leave them, and of bytes that come or do not.
  RequestLoad& load() { return load_; }
  HeavyWork& heavy() { return heavy_; }
  SilenceWatch& silence() { return silence_; }
  NodeBreaker& breaker() { return breaker_; }

  // A client's request was answered, or was not in time. `timed`: the clock may judge it.
  // `has_own_words`: they are not a module's; a reply without them ends neither a row of faults nor a trial.
  void OnReply(net::TimePoint sent, wire::Fault fault, bool timed, bool has_own_words = true);
  void OnTimeout(net::TimePoint sent, bool timed);
  // Its connection broke before its reply came.
  void OnLost(net::TimePoint sent, std::string_view why);
  // The answer to the probe; a slow one, or none in time, is not good.
  void OnProbeReply(net::TimePoint sent, wire::Fault fault);
  // A handshake has succeeded, or a connection could not be had.
  void OnReady();
  void OnConnectFailed(std::string_view why);
  NodeRecord& record() { return *parts_.node; }
  // 0: a connection may be opened now, which is counted. Else the wait until one may. `was_ready`: it counts as ready
  // still. Plain links go first: where they are few, those of other flavours would take every token that comes.
  // `is_wanted`: a client needs this very one, and where the node is there it waits for no token.
  net::Duration WaitToConnect(bool was_ready, bool is_plain = true, bool is_wanted = false,
                              ConnectNeed need = ConnectNeed::kUsual) {
    if (is_wanted && parts_.stats.ready_connections.value() > 0) return net::Duration(0);
    const bool is_only = is_plain && parts_.connections == 1;
    const bool has_ready = !is_only && (!is_plain || parts_.stats.ready_connections.value() > (was_ready ? 1 : 0));
    return connects_.Wait(parts_.io.loop.now(), has_ready, parts_.io.random, need);
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
  // The node's connections have all been closed, or the attempt that was under way is over and says nothing.
  void OnClosed() { connects_.OnGivenUp(); }
  // A check went well: no reason to wait for the end of the open time. One has failed.
  void Hurry();
  void OnCheckFailed();

  std::optional<net::Duration> Percentile95() const { return outlier_.Percentile95(parts_.io.loop.now()); }
  // Once a second, both.
  void OnSecond() { Note(limit_.OnSecond()); }
  void OnPoolMedian(net::Duration median);

 private:
  // A client's request got no reply; `reason`, if there is one, opens the breaker.
  void OnNoReply(TripReason reason, std::string_view detail, net::TimePoint sent);
  void Note(bool limit_changed) {
    if (limit_changed && !breaker_.is_retired()) parts_.stats.concurrency_limit.Set(limit_.limit());
  }

  GuardParts parts_;
  std::function<void()> follow_;
  RequestLoad load_;
  HeavyWork heavy_;
  NodeBreaker breaker_;
  SilenceWatch silence_;
  Outlier outlier_;
  ConcurrencyLimit limit_;
  ConnectBudget connects_;
  bool takes_connections_ = true;
};

}  // namespace ringproxy::backends
