#include "backends/link/reply_pipeline.h"

#include <algorithm>
#include <utility>

namespace ringproxy::backends {

ReplyPipeline::ReplyPipeline(net::Loop& loop, const NodeSettings& settings, NodeWitness& witness, ReplySink& sink,
                             NodeStats& stats, std::function<void()> on_deadline)
    : clock_(loop),
      settings_(settings),
      witness_(witness),
      sink_(sink),
      stats_(stats),
      timer_(loop.NewTimer(std::move(on_deadline))) {}

ReplyPipeline::~ReplyPipeline() {
  while (!empty()) PopFront();
}

bool ReplyPipeline::Admit(size_t request_bytes, Ticket ticket, wire::Author author, bool is_written) {
  stats_.requests.Add();
  if (in_flight_.size() >= settings_.limits.requests_in_flight ||
      (bytes_in_flight_ > 0 && bytes_in_flight_ + request_bytes > settings_.limits.bytes_in_flight)) {
    Fail(ticket, wire::ErrorCode::kNodeOverloaded);
    return false;
  }
  const net::TimePoint now = clock_.now();
  const net::Duration total = conf::TotalOf(settings_.timeouts);
  const net::Duration wait = is_written ? std::min(total, settings_.timeouts.request) : total;
  in_flight_.push_back({ticket, now, now + wait, static_cast<uint32_t>(request_bytes), author});
  bytes_in_flight_ += request_bytes;
  witness_.OnSent();
  // Not armed although others stand in the FIFO: those have all timed out and their replies are still awaited.
  if (!timer_->armed()) timer_->Arm(wait);
  return true;
}

void ReplyPipeline::Refuse(Ticket ticket) {
  stats_.requests.Add();
  Fail(ticket, wire::ErrorCode::kNodeDown);
}

void ReplyPipeline::OnWritten() {
  const net::TimePoint now = clock_.now();
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    entry.sent = now;
    entry.deadline = std::min(entry.deadline, now + settings_.timeouts.request);
  }
  FailLate();  // Nothing is late now; it arms the timer.
}

void ReplyPipeline::OnReply(const ReplyFrame& reply) {
  const InFlight entry = PopFront();
  witness_.OnAnswered(entry, reply.size());
  if (entry.timed_out) {
    stats_.late_replies.Add();
    return reply.Drop();
  }
  if (entry.IsProbe()) {
    witness_.OnReply(entry, reply);
    return reply.Drop();
  }
  stats_.request_duration.Record(clock_.now() - entry.sent);
  witness_.OnReply(entry, reply);
  if (reply.is_large()) return sink_.OnLargeReply(entry.ticket, reply.Take());
  sink_.OnReply(entry.ticket, reply.bytes());
  reply.Drop();
}

void ReplyPipeline::FailFront(wire::ErrorCode code) {
  if (empty() || std::exchange(in_flight_.front().timed_out, true)) return;
  Fail(in_flight_.front().ticket, code);
}

// Deadlines stand in the order of the FIFO, so one timer for the first that has not passed is enough. It is not moved
// when that request is answered: it fires at the old deadline and looks again.
bool ReplyPipeline::FailLate() {
  timer_->Disarm();
  const net::TimePoint now = clock_.now();
  bool any_late = false;
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    if (entry.timed_out) continue;
    if (entry.deadline > now) {
      timer_->Arm(entry.deadline - now);
      break;
    }
    entry.timed_out = any_late = true;
    stats_.timeouts.Add();
    witness_.OnTimeout(entry);
    Fail(entry.ticket, wire::ErrorCode::kTimeout);
  }
  return any_late;
}

// They stand in a row: nothing behind the first request that has time left has failed.
ReplyPipeline::Dropped ReplyPipeline::DropLate(size_t unwritten_bytes) {
  Dropped dropped{.offset = unwritten_bytes};
  size_t first = in_flight_.size();
  while (first > 0 && in_flight_[first - 1].bytes <= dropped.offset) dropped.offset -= in_flight_[--first].bytes;
  size_t count = 0;
  for (; first + count < in_flight_.size() && in_flight_[first + count].timed_out; ++count) {
    dropped.bytes += in_flight_[first + count].bytes;
    witness_.OnGone();
  }
  in_flight_.Erase(first, count);
  bytes_in_flight_ -= dropped.bytes;
  dropped_ += count;
  CountDropped();
  return dropped;
}

void ReplyPipeline::CountDropped() {
  if (in_flight_.empty()) gone_ += std::exchange(dropped_, 0);
}

bool ReplyPipeline::IsSilentForLong(bool any_late) {
  // Everything in flight is late, and perhaps nobody asks again (its keys may be moved away): the silence goes on.
  const bool only_late = !anyone_waits() && !empty();
  if (!any_late && !only_late) return false;
  if (witness_.CountSilence()) return true;
  if (!timer_->armed()) timer_->Arm(settings_.timeouts.request);
  return false;
}

// The sink may send new requests from within its calls, so the old ones are told apart by their number.
void ReplyPipeline::FailAll(std::string_view why) {
  timer_->Disarm();
  for (size_t old = in_flight_.size(); old > 0; --old) {
    const InFlight entry = PopFront();
    if (entry.timed_out) continue;
    if (!why.empty()) witness_.OnLost(entry, why);
    Fail(entry.ticket, wire::ErrorCode::kNodeDown);
  }
  in_flight_.ShrinkIfEmpty();
}

InFlight ReplyPipeline::PopFront() {
  const InFlight entry = in_flight_.front();
  in_flight_.pop_front();
  ++gone_;
  CountDropped();
  bytes_in_flight_ -= entry.bytes;
  witness_.OnGone();
  return entry;
}

void ReplyPipeline::Fail(Ticket ticket, wire::ErrorCode code) {
  if (ticket.kind == Ticket::Kind::kInternal) return witness_.OnProbeFailed();
  (code == wire::ErrorCode::kNodeOverloaded ? stats_.overloads : stats_.failures).Add();
  sink_.OnFailure(ticket, {code, settings_.pool, settings_.node, settings_.timeouts.request});
}

}  // namespace ringproxy::backends
