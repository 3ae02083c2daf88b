#include "backends/health/node_guard.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace ringproxy::backends {
namespace {

// In kHalfOpen a pool whose clients only write is tried by further probes.
constexpr net::Duration kTrialWait = std::chrono::milliseconds(100);

}  // namespace

NodeGuard::NodeGuard(const GuardParts& parts, std::function<void()> probe, std::function<void()> follow)
    : parts_(parts),
      probe_(std::move(probe)),
      follow_(std::move(follow)),
      breaker_(parts.settings.breaker),
      outlier_(parts.settings.breaker, parts.keeps_percentile),
      limit_(parts.settings.concurrency),
      connects_(parts.settings.reconnect.rate, parts.connections, parts.settings.timeouts.connect),
      timer_(parts.io.loop.NewTimer([this] { OnTimer(); })) {
  JudgeByTime(!is_checked());
  Note(true);
}

void NodeGuard::Adopt(const Changes& changes) {
  parts_.bound = changes.bound;
  parts_.index = changes.index;
  if (changes.of_breaker) {
    std::destroy_at(&outlier_);
    std::construct_at(&outlier_, parts_.settings.breaker, changes.keeps_percentile);
  }
  if (changes.of_limit) {
    std::destroy_at(&limit_);
    std::construct_at(&limit_, parts_.settings.concurrency);
    Note(true);
  }
  if (changes.of_connects) {
    const NodeSettings& settings = parts_.settings;
    connects_ = ConnectBudget(settings.reconnect.rate, parts_.connections, settings.timeouts.connect);
  }
}

void NodeGuard::Retire() {
  parts_.bound = nullptr;
  parts_.stats.concurrency_limit.Set(0);
  timer_->Disarm();
  retired_ = true;
  if (published_ == CircuitBreaker::BreakerState::kClosed) return;
  parts_.stats.breaker_state.Set(static_cast<uint64_t>(CircuitBreaker::BreakerState::kClosed));
  parts_.observer.OnBreaker({parts_.node, CircuitBreaker::BreakerState::kClosed, TripReason::kNone, {}});
}

void NodeGuard::OnReply(net::TimePoint sent, wire::Fault fault, bool timed) {
  const net::TimePoint now = parts_.io.loop.now();
  const net::Duration latency = now - sent;
  const TripReason reason = outlier_.OnReply(latency, fault, timed, now);
  if (fault == wire::Fault::kNone) {
    Note(limit_.OnReply({.latency = latency, .timed = timed, .in_flight = parts_.stats.in_flight.value() + 1}, now));
  }
  switch (breaker_.state()) {
    case CircuitBreaker::BreakerState::kClosed:
      if (reason != TripReason::kNone) Trip(reason);
      return;
    case CircuitBreaker::BreakerState::kOpen: return;
    case CircuitBreaker::BreakerState::kHalfOpen: {
      const bool good = fault == wire::Fault::kNone && !(timed && outlier_.IsSlow(latency));
      breaker_.OnOutcome(good, parts_.stats.in_flight.value(), Random(), sent, now);
      Publish({});
    }
  }
}

void NodeGuard::OnTimeout(net::TimePoint sent, bool timed) {
  if (!timed) return OnNoReply(TripReason::kNone, {}, sent);
  // A node with too much to do answers somebody. From one that says nothing it is a silence, and its check says more.
  if (!is_checked() || heard_ > sent) Note(limit_.OnTimeout(parts_.stats.in_flight.value(), parts_.io.loop.now()));
  OnNoReply(outlier_.OnTimeout(parts_.io.loop.now()), {}, sent);
}

// Said to be the connection's fault: then the next handshake puts the node on trial.
void NodeGuard::OnLost(net::TimePoint sent, std::string_view why) {
  const bool too_many = outlier_.OnLost(parts_.io.loop.now()) != TripReason::kNone;
  OnNoReply(too_many ? TripReason::kConnection : TripReason::kNone, why, sent);
}

void NodeGuard::OnNoReply(TripReason reason, std::string_view detail, net::TimePoint sent) {
  if (breaker_.state() == CircuitBreaker::BreakerState::kClosed) {
    if (reason != TripReason::kNone) Trip(reason, detail);
    return;
  }
  breaker_.OnOutcome(false, parts_.stats.in_flight.value(), Random(), sent, parts_.io.loop.now());
  Publish({});
}

void NodeGuard::OnProbeReply(net::TimePoint sent, wire::Fault fault) {
  OnProbe(fault == wire::Fault::kNone && !outlier_.IsSlow(parts_.io.loop.now() - sent));
}

void NodeGuard::OnProbe(bool good) {
  if (breaker_.state() == CircuitBreaker::BreakerState::kClosed) return;
  breaker_.OnProbe(good, Random(), parts_.io.loop.now());
  Publish({});
  if (retired_) return;
  // Failed while open: the state is the same, its end is not.
  if (breaker_.state() == CircuitBreaker::BreakerState::kOpen)
    timer_->Arm(breaker_.open_until() - parts_.io.loop.now());
  // A node that could not be reached, and now can, has shown no other fault: it is tried without a pause.
  if (breaker_.state() == CircuitBreaker::BreakerState::kHalfOpen && breaker_.reason() == TripReason::kConnection)
    timer_->Arm(net::Duration(0));
}

void NodeGuard::OnReady() {
  takes_connections_ = true;
  connects_.OnReady(parts_.io.loop.now());
  const bool waits_for_it =
      breaker_.state() == CircuitBreaker::BreakerState::kOpen && breaker_.reason() == TripReason::kConnection;
  // A node that was cut off for its answers has to sit out its time: a handshake says little about those.
  if (waits_for_it || breaker_.ProbeIsDue(parts_.io.loop.now())) OnProbe(true);
  follow_();
}

void NodeGuard::OnConnectFailed(std::string_view why) {
  connects_.OnFailed();
  // Others of the node's connections may be fine: it refuses more than so many, perhaps.
  if (parts_.stats.ready_connections.value() > 0) return;
  takes_connections_ = false;
  if (breaker_.state() == CircuitBreaker::BreakerState::kOpen) return;
  Trip(TripReason::kConnection, why);
}

net::TimePoint NodeGuard::LookForSilence(net::TimePoint since) {
  const net::TimePoint now = parts_.io.loop.now();
  const net::Duration patience = parts_.settings.check_timeout;
  const net::TimePoint due = std::max({since, heard_, told_}) + patience;
  if (due > now) return due;
  told_ = now;
  if (!asked_) asked_until_ = now + kLongestCheck + patience;
  asked_ = true;
  parts_.observer.OnBreaker({parts_.node, breaker_.state(), breaker_.reason(), {}, true});
  return now + patience;
}

void NodeGuard::OnSilence() {
  if (breaker_.state() == CircuitBreaker::BreakerState::kClosed && may_judge_by_time_) Trip(TripReason::kTimeouts);
}

void NodeGuard::OnCheckFailed() {
  asked_ = false;
  JudgeByTime(true);
}

void NodeGuard::Hurry() {
  asked_ = false;
  JudgeByTime(!is_checked());
  if (breaker_.state() != CircuitBreaker::BreakerState::kOpen) return;
  // Where no connection is ready to carry the probe, the next handshake is as good.
  breaker_.EndWait(parts_.io.loop.now());
  probe_();
}

void NodeGuard::OnPoolMedian(net::Duration median) {
  const TripReason reason = outlier_.OnPoolMedian(median, parts_.io.loop.now());
  if (reason != TripReason::kNone && breaker_.state() == CircuitBreaker::BreakerState::kClosed) Trip(reason);
}

void NodeGuard::Trip(TripReason reason, std::string_view detail) {
  breaker_.Trip(reason, parts_.stats.in_flight.value(), Random(), parts_.io.loop.now());
  Publish(detail);
}

void NodeGuard::Publish(std::string_view detail) {
  const CircuitBreaker::BreakerState state = breaker_.state();
  if (state == published_ || retired_) return;
  published_ = state;
  switch (state) {
    case CircuitBreaker::BreakerState::kClosed:
      outlier_.Clear();
      timer_->Disarm();
      break;
    case CircuitBreaker::BreakerState::kOpen: timer_->Arm(breaker_.open_until() - parts_.io.loop.now()); break;
    case CircuitBreaker::BreakerState::kHalfOpen: timer_->Arm(kTrialWait); break;
  }
  parts_.stats.breaker_state.Set(static_cast<uint64_t>(state));
  parts_.observer.OnBreaker({parts_.node, state, breaker_.reason(), std::string(detail)});
}

void NodeGuard::OnTimer() {
  probe_();
  if (breaker_.state() == CircuitBreaker::BreakerState::kHalfOpen) timer_->Arm(kTrialWait);
}

}  // namespace ringproxy::backends
