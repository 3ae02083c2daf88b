#include "backends/health/node_guard.h"

#include <memory>
#include <utility>

namespace ringproxy::backends {

NodeGuard::NodeGuard(const GuardParts& parts, std::function<void()> probe, std::function<void()> follow)
    : parts_(parts),
      follow_(std::move(follow)),
      load_(parts.stats, parts.bound, parts.index),
      heavy_(parts.io.loop, parts.stats, parts.node->busy()),
      breaker_(parts.io, parts.settings.breaker, parts.stats, parts.observer, parts.node, std::move(probe),
               [this] { outlier_.Clear(); }),
      silence_(parts.io.loop, parts.settings, heavy_, breaker_),
      outlier_(parts.settings.breaker, parts.keeps_percentile),
      limit_(parts.settings.concurrency),
      connects_(parts.settings.reconnect.rate, parts.connections, parts.settings.timeouts.connect) {
  outlier_.JudgeByTime(silence_.MayJudgeByTime());
  Note(true);
}

void NodeGuard::Adopt(const Changes& changes) {
  load_.Adopt(changes.bound, changes.index);
  if (changes.of_breaker) {
    // It refers to its options, so it cannot be assigned, and to begin anew it is made anew in its place.
    std::destroy_at(&outlier_);
    std::construct_at(&outlier_, parts_.settings.breaker, changes.keeps_percentile);
  }
  // An outlier that was made anew knows nothing of what the last check has said.
  outlier_.JudgeByTime(silence_.MayJudgeByTime());
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
  // The pool's bound may be gone before the last reply is in.
  load_.Adopt(nullptr, 0);
  parts_.stats.concurrency_limit.Set(0);
  breaker_.Retire();
}

void NodeGuard::OnReply(net::TimePoint sent, wire::Fault fault, bool timed, bool has_own_words) {
  const net::TimePoint now = parts_.io.loop.now();
  const net::Duration latency = now - sent;
  TripReason reason = TripReason::kNone;
  if (has_own_words) [[likely]] {
    reason = outlier_.OnReply(latency, fault, timed, now);
  } else {
    reason = outlier_.OnAnswer(latency, timed, now);
  }
  if (fault == wire::Fault::kNone) {
    // The request has left the count already, and belongs to what was under way.
    Note(limit_.OnReply({.latency = latency, .timed = timed, .in_flight = load_.in_flight() + 1}, now));
  }
  breaker_.TripIfClosed(reason);
  if (breaker_.state() != CircuitBreaker::BreakerState::kHalfOpen || !has_own_words) return;
  breaker_.OnOutcome(fault == wire::Fault::kNone && !(timed && outlier_.IsSlow(latency)), sent);
}

void NodeGuard::OnTimeout(net::TimePoint sent, bool timed) {
  if (!timed) return OnNoReply(TripReason::kNone, {}, sent);
  // A node with too much to do answers somebody. From one that says nothing it is a silence, and its check says more.
  if (!silence_.is_checked() || silence_.HeardSince(sent))
    Note(limit_.OnTimeout(load_.in_flight(), parts_.io.loop.now()));
  OnNoReply(outlier_.OnTimeout(parts_.io.loop.now()), {}, sent);
}

// Said to be the connection's fault: then the next handshake puts the node on trial.
void NodeGuard::OnLost(net::TimePoint sent, std::string_view why) {
  const bool too_many = outlier_.OnLost(parts_.io.loop.now()) != TripReason::kNone;
  OnNoReply(too_many ? TripReason::kConnection : TripReason::kNone, why, sent);
}

void NodeGuard::OnNoReply(TripReason reason, std::string_view detail, net::TimePoint sent) {
  if (breaker_.is_closed()) return breaker_.TripIfClosed(reason, detail);
  breaker_.OnOutcome(false, sent);
}

void NodeGuard::OnProbeReply(net::TimePoint sent, wire::Fault fault) {
  breaker_.OnProbe(fault == wire::Fault::kNone && !outlier_.IsSlow(parts_.io.loop.now() - sent));
}

void NodeGuard::OnReady() {
  takes_connections_ = true;
  connects_.OnReady(parts_.io.loop.now());
  breaker_.OnReady();
  // The others ask last: by now the budget knows that they may follow.
  follow_();
}

void NodeGuard::OnConnectFailed(std::string_view why) {
  connects_.OnFailed();
  // Others of the node's connections may be fine: it refuses more than so many, perhaps.
  if (parts_.stats.ready_connections.value() > 0) return;
  takes_connections_ = false;
  if (parts_.turns != nullptr) parts_.turns->GiveUp();
  // To open it anew would put off the next probe with each attempt that fails.
  if (breaker_.state() != CircuitBreaker::BreakerState::kOpen) breaker_.Trip(TripReason::kConnection, why);
}

void NodeGuard::OnCheckFailed() {
  silence_.OnChecked(false);
  outlier_.JudgeByTime(true);
}

void NodeGuard::Hurry() {
  silence_.OnChecked(true);
  outlier_.JudgeByTime(silence_.MayJudgeByTime());
  breaker_.Hurry();
}

void NodeGuard::OnPoolMedian(net::Duration median) {
  breaker_.TripIfClosed(outlier_.OnPoolMedian(median, parts_.io.loop.now()));
}

}  // namespace ringproxy::backends
