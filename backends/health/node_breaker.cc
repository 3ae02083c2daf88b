#include "backends/health/node_breaker.h"

#include <utility>

namespace ringproxy::backends {
namespace {

// In kHalfOpen a pool whose clients only write is tried by further probes.
constexpr net::Duration kTrialWait = std::chrono::milliseconds(100);

}  // namespace

NodeBreaker::NodeBreaker(WorkerIo& io, const conf::Breaker& options, NodeStats& stats, BreakerObserver& observer,
                         std::shared_ptr<NodeRecord> node, std::function<void()> probe, std::function<void()> on_closed)
    : io_(io),
      stats_(stats),
      observer_(observer),
      node_(std::move(node)),
      probe_(std::move(probe)),
      on_closed_(std::move(on_closed)),
      breaker_(options),
      timer_(io.loop.NewTimer([this] { OnTimer(); })) {}

void NodeBreaker::Trip(TripReason reason, std::string_view detail) {
  breaker_.Trip(reason, stats_.in_flight.value(), Random(), io_.loop.now());
  Publish(detail);
}

void NodeBreaker::OnOutcome(bool good, net::TimePoint sent) {
  breaker_.OnOutcome(good, stats_.in_flight.value(), Random(), sent, io_.loop.now());
  Publish({});
}

void NodeBreaker::OnProbe(bool good) {
  if (is_closed()) return;
  breaker_.OnProbe(good, Random(), io_.loop.now());
  Publish({});
  if (retired_) return;
  // Failed while open: the state is the same, its end is not.
  if (state() == BreakerState::kOpen) timer_->Arm(breaker_.open_until() - io_.loop.now());
  // A node that could not be reached, and now can, has shown no other fault: it is tried without a pause.
  if (state() == BreakerState::kHalfOpen && breaker_.reason() == TripReason::kConnection) timer_->Arm(net::Duration(0));
}

void NodeBreaker::OnReady() {
  const bool waits_for_it = state() == BreakerState::kOpen && breaker_.reason() == TripReason::kConnection;
  // A node that was cut off for its answers has to sit out its time: a handshake says little about those.
  if (waits_for_it || breaker_.ProbeIsDue(io_.loop.now())) OnProbe(true);
}

void NodeBreaker::Hurry() {
  if (state() != BreakerState::kOpen) return;
  // Where no connection is ready to carry the probe, the next handshake is as good.
  breaker_.EndWait(io_.loop.now());
  probe_();
}

void NodeBreaker::Retire() {
  timer_->Disarm();
  retired_ = true;
  if (published_ == BreakerState::kClosed) return;
  // Gauge and process are told that it is closed, or they would show a node that has left as cut off for ever.
  stats_.breaker_state.Set(static_cast<uint64_t>(BreakerState::kClosed));
  observer_.OnBreaker({node_, BreakerState::kClosed, TripReason::kNone, {}});
}

void NodeBreaker::Publish(std::string_view detail) {
  if (state() == published_ || retired_) return;
  published_ = state();
  switch (published_) {
    case BreakerState::kClosed:
      on_closed_();
      timer_->Disarm();
      break;
    case BreakerState::kOpen: timer_->Arm(breaker_.open_until() - io_.loop.now()); break;
    case BreakerState::kHalfOpen: timer_->Arm(kTrialWait); break;
  }
  stats_.breaker_state.Set(static_cast<uint64_t>(published_));
  observer_.OnBreaker({node_, published_, breaker_.reason(), std::string(detail)});
}

void NodeBreaker::OnTimer() {
  // While open, the answer arms the timer again (OnProbe); without a ready connection the next handshake is the probe.
  probe_();
  if (state() == BreakerState::kHalfOpen) timer_->Arm(kTrialWait);
}

}  // namespace ringproxy::backends
