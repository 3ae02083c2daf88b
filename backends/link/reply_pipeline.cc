#include "backends/link/reply_pipeline.h"

#include <algorithm>
#include <utility>

namespace ringproxy::backends {
namespace {

// What takes its time on a link however well the node is.
constexpr size_t kLargeBytes = 64 << 10;

}  // namespace

ReplyPipeline::ReplyPipeline(net::Loop& loop, const NodeSettings& settings, NodeWitness& witness, ReplySink& sink,
                             NodeStats& stats, std::function<void()> on_deadline)
    : clock_(loop),
      settings_(settings),
      witness_(witness),
      sink_(sink),
      stats_(stats),
      timer_(loop, std::move(on_deadline)) {}

ReplyPipeline::~ReplyPipeline() {
  // The witness hears of each, or the gauges of what is in flight would never come down.
  while (!empty()) PopFront();
}

InFlight* ReplyPipeline::Admit(size_t request_bytes, Ticket ticket, wire::Work work) {
  // The guard's own probe is nobody's request.
  if (ticket.kind != Ticket::Kind::kInternal) [[likely]]
    stats_.requests.Add();
  if (in_flight_.size() >= settings_.limits.requests_in_flight ||
      // A request that is larger than all that is allowed passes alone, or it would never pass.
      (bytes_in_flight_ > 0 && bytes_in_flight_ + request_bytes > settings_.limits.bytes_in_flight)) {
    Fail(ticket, wire::ErrorCode::kNodeOverloaded);
    return nullptr;
  }
  const net::TimePoint now = clock_.now();
  InFlight& entry = in_flight_.push_back({ticket, now, now, static_cast<uint32_t>(request_bytes), work});
  bytes_in_flight_ += request_bytes;
  unwritten_.Add(request_bytes);
  witness_.OnSent(entry);
  if (!timer_.armed()) timer_.FireBy(now + ShortestWait());
  return &entry;
}

void ReplyPipeline::Refuse(Ticket ticket) {
  if (ticket.kind != Ticket::Kind::kInternal) stats_.requests.Add();
  Fail(ticket, wire::ErrorCode::kNodeDown);
}

void ReplyPipeline::OnReady() {
  const net::TimePoint now = clock_.now();
  link_is_ready_ = true;
  // What has waited for the link is written from now on, and the wait was not the node's.
  for (size_t i = 0; i < in_flight_.size(); ++i) in_flight_[i].sent = now;
  FailLate();  // Nothing is late now; it arms the timer.
}

void ReplyPipeline::OnFlushed(size_t written, size_t left) {
  if (unwritten_.AllLeft(left)) return;
  const net::TimePoint now = clock_.now();
  if (written > 0) unwritten_.Moved(now);
  if (written > 0 && written + left >= kLargeBytes) flowed_at_ = now;
  while (unwritten_.count() > 0) {
    InFlight& entry = in_flight_[in_flight_.size() - unwritten_.count()];
    if (!unwritten_.OldestHasLeft(entry.bytes, left)) return;
    entry.sent = now;
    unwritten_.RemoveOldest(entry.bytes);
  }
}

void ReplyPipeline::OnBytes(size_t unfinished) {
  if (unfinished >= kLargeBytes) flowed_at_ = clock_.now();
}

void ReplyPipeline::OnReply(const ReplyFrame& reply) {
  const InFlight entry = PopFront();
  if (reply.size() >= kLargeBytes) flowed_at_ = clock_.now();
  witness_.OnAnswered(entry, reply.size());
  // Its client has read TIMEOUT: the reply has kept its place in the row and is dropped (semantics.md 6).
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
  if (reply.is_large()) return sink_.OnReply(entry.ticket, Reply(reply.Take()));
  sink_.OnReply(entry.ticket, Reply(reply.bytes()));
  reply.Drop();
}

net::TimePoint ReplyPipeline::DeadlineOf(const InFlight& entry, bool is_written) const {
  const conf::Timeouts& timeouts = settings_.timeouts;
  if (!link_is_ready_) return entry.entered + conf::TotalOf(timeouts);
  const bool waits_for_large = flowed_at_ > entry.entered;
  // As long as its bytes move into the socket it is not late: the node cannot answer what it has not read.
  net::TimePoint from = is_written ? entry.sent : std::max(entry.sent, unwritten_.moved_at());
  if (waits_for_large) from = std::max(from, flowed_at_);
  const net::Duration all = entry.IsHeavy() || waits_for_large ? conf::LongestOf(timeouts) : conf::TotalOf(timeouts);
  return std::min(entry.entered + all, from + conf::ReplyTimeoutOf(timeouts, entry.IsHeavy()));
}

net::Duration ReplyPipeline::ShortestWait() const {
  const net::Duration wait = std::min<net::Duration>(settings_.timeouts.request, conf::TotalOf(settings_.timeouts));
  // A silence is looked for as often as a check may last.
  return settings_.check_timeout > net::Duration(0) ? std::min(wait, settings_.check_timeout) : wait;
}

void ReplyPipeline::FailFront(wire::ErrorCode code) {
  // It keeps its place in the row, since the rest of its reply is still to come.
  if (empty() || std::exchange(in_flight_.front().timed_out, true)) return;
  Fail(in_flight_.front().ticket, code);
}

// The timer is not moved when a request is answered: it fires at the old deadline and looks again, at all that have
// waited for so long that they may be late. A heavy one may have more time than those behind it.
bool ReplyPipeline::FailLate() {
  timer_.Disarm();
  const net::TimePoint now = clock_.now();
  const net::Duration shortest = ShortestWait();
  if (!empty()) timer_.FireBy(now + shortest);
  bool any_late = false;
  anyone_waits_ = false;
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    if (entry.timed_out) continue;
    const net::TimePoint deadline = DeadlineOf(entry, i + unwritten_.count() < in_flight_.size());
    if (deadline > now) {
      anyone_waits_ = true;
      timer_.FireBy(deadline);
      // All that follow were entered later still, and none of them can be late.
      if (entry.entered + shortest > now) break;
      continue;
    }
    entry.timed_out = any_late = true;
    stats_.timeouts.Add();
    witness_.OnTimeout(entry);
    Fail(entry.ticket, wire::ErrorCode::kTimeout, entry.IsHeavy());
  }
  return any_late;
}

// They need not stand in a row: a heavy one between them may have more time.
ReplyPipeline::Dropped ReplyPipeline::DropLate(size_t unwritten_bytes) {
  Dropped dropped{.offset = unwritten_bytes};
  size_t first = in_flight_.size();
  // Whole requests only: what has left in part has to be completed, or the node reads the next one as its rest.
  while (first > 0 && in_flight_[first - 1].bytes <= dropped.offset) dropped.offset -= in_flight_[--first].bytes;
  for (; first < in_flight_.size() && !in_flight_[first].timed_out; ++first) dropped.offset += in_flight_[first].bytes;
  size_t count = 0;
  for (; first + count < in_flight_.size() && in_flight_[first + count].timed_out; ++count) {
    dropped.bytes += in_flight_[first + count].bytes;
    witness_.OnGone(in_flight_[first + count]);
  }
  in_flight_.Erase(first, count);
  bytes_in_flight_ -= dropped.bytes;
  unwritten_.Drop(count, dropped.bytes);
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
  return (any_late || only_late) && witness_.CountSilence();
}

void ReplyPipeline::LookForSilence() {
  if (empty() || settings_.check_timeout == net::Duration(0)) return;
  timer_.FireBy(witness_.LookForSilence(std::max(in_flight_.front().sent, unwritten_.moved_at())));
}

// The sink may send new requests from within its calls, so the old ones are told apart by their number.
void ReplyPipeline::FailAll(std::string_view why) {
  timer_.Disarm();
  link_is_ready_ = false;
  unwritten_.ForgetBacklog();
  for (size_t old = in_flight_.size(); old > 0; --old) {
    const InFlight entry = PopFront();
    // Its client has read an error already.
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
  // Answered before it was written: its rest still leaves, and the others wait for that.
  if (unwritten_.count() > in_flight_.size()) unwritten_.RemoveOldest(entry.bytes);
  witness_.OnGone(entry);
  return entry;
}

void ReplyPipeline::Fail(Ticket ticket, wire::ErrorCode code, bool is_heavy) {
  // The guard's own probe has no client, and counts as nobody's failure.
  if (ticket.kind == Ticket::Kind::kInternal) return witness_.OnProbeFailed();
  (code == wire::ErrorCode::kNodeOverloaded ? stats_.overloads : stats_.failures).Add();
  sink_.OnFailure(ticket, {code, settings_.pool, settings_.node, conf::ReplyTimeoutOf(settings_.timeouts, is_heavy)});
}

}  // namespace ringproxy::backends
