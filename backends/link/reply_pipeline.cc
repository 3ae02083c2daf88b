#include "backends/link/reply_pipeline.h"

#include <algorithm>
#include <utility>

#include "backends/wire/error_text.h"
#include "backends/wire/memcache_binary.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::backends {
namespace {

// What takes its time on a link however well the node is.
constexpr size_t kLargeBytes = 64 << 10;

// Of a request that no link takes; `words`: those in which the node refuses the flavour.
wire::ErrorCode CodeOf(std::string_view words) {
  return words.empty() ? wire::ErrorCode::kNodeDown : wire::ErrorCode::kFlavourRefused;
}

struct ErrorSource {
  const NodeSettings& settings;
  ServerVersion version;
  ReplySink& sink;
};

// Of a node's own words. In a fleet of several releases a node may not know what the next one does, and its client
// cannot tell which it was.
[[gnu::noinline]] void HandOutError(const ErrorSource& from, Ticket ticket, std::string_view error) {
  std::string text;
  if (from.settings.has_company) {
    const std::string family = from.version.is_valkey() ? "Valkey " : "Redis ";
    const std::string release = from.version.is_known() ? family + from.version.text() : "";
    const wire::Failure at{.pool = from.settings.pool, .node = from.settings.node};
    wire::AppendUnknownAtNode(error, at, release, &text);
  }
  from.sink.OnReply(ticket, Reply(text.empty() ? error : std::string_view(text)));
}

// Whether it is somebody else's. If not, and in binary, its token becomes the client's.
bool IsForeign(const ReplyFrame& reply, wire::KeyMark mark, wire::CasTag tag) {
  if (mark.kind != wire::KeyMark::Kind::kBinary) return wire::NamesAnother(reply.bytes(), mark);
  if (!wire::IsBinaryReply(reply.bytes()) || wire::BinaryMarkOf(reply.bytes()) != mark.bits) return true;
  wire::RetagBinaryCas(tag, reply.writable());
  return false;
}

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
  while (size() > 0) PopFront();
}

InFlight* ReplyPipeline::Admit(size_t request_bytes, Ticket ticket, wire::Asked asked) {
  // The guard's own probe is nobody's request.
  if (ticket.kind != Ticket::Kind::kInternal) [[likely]]
    stats_.requests.Add();
  if (in_flight_.size() >= settings_.limits.requests_in_flight ||
      // A request that is larger than all that is allowed passes alone, or it would never pass.
      (bytes_in_flight_ > 0 && bytes_in_flight_ + request_bytes > settings_.limits.bytes_in_flight)) {
    Fail(ticket, {.code = wire::ErrorCode::kNodeOverloaded});
    return nullptr;
  }
  const net::TimePoint now = clock_.now();
  InFlight& entry = in_flight_.push_back({ticket, now, now, static_cast<uint32_t>(request_bytes), asked});
  bytes_in_flight_ += request_bytes;
  unwritten_.Add(request_bytes);
  witness_.OnSent(entry);
  if (!timer_.armed()) timer_.FireBy(now + ShortestWait());
  return &entry;
}

bool ReplyPipeline::HasBlocking() const {
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].IsBlocking()) return true;
  }
  return false;
}

ReplyPipeline::Standing ReplyPipeline::StandingOf(uint64_t sent) const {
  constexpr uint64_t kMostSearched = 256;
  if (gone_ >= sent) return Standing::kGone;
  if (dropped_ > kMostSearched) return Standing::kWaits;
  // Its place, but for those dropped before it.
  const uint64_t last = sent - gone_ - 1;
  const uint64_t first = last - std::min(last, dropped_);
  for (uint64_t i = first; i <= last && i < in_flight_.size(); ++i) {
    if (!in_flight_[i].timed_out) return Standing::kWaits;
  }
  return Standing::kLate;
}

void ReplyPipeline::Refuse(Ticket ticket, std::string_view words) {
  if (ticket.kind != Ticket::Kind::kInternal) stats_.requests.Add();
  Fail(ticket, {.code = CodeOf(words), .words = words});
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

const char* ReplyPipeline::OnReply(const ReplyFrame& reply) {
  const char* unusable = nullptr;
  if (InFlight& batch = in_flight_.front(); batch.replies_to_come > 0) [[unlikely]] {
    if (batch.IsBlocking()) {
      const InFlight entry = PopFront();
      if (!entry.timed_out && reply.is_large()) {
        sink_.OnReply(entry.ticket, Reply(reply.Take()));
        return nullptr;
      }
      entry.timed_out ? stats_.late_replies.Add() : sink_.OnReply(entry.ticket, Reply(reply.bytes()));
      reply.Drop();
      return nullptr;
    }
    if (--batch.replies_to_come > 0) {
      // It says what became of a command within the batch, and nothing of the node.
      if (!batch.timed_out) {
        wire::IsError(reply.bytes()) ? HandOutError({settings_, witness_.version(), sink_}, batch.ticket, reply.bytes())
                                     : sink_.OnReply(batch.ticket, Reply(reply.bytes()));
      }
      reply.Drop();
      return nullptr;
    }
    if (!wire::EndsTransaction(reply.bytes())) unusable = "a transaction that it has not ended";
  }
  const InFlight entry = PopFront();
  if (reply.size() >= kLargeBytes) flowed_at_ = clock_.now();
  witness_.OnAnswered(entry, reply.size());
  // Its client has read TIMEOUT: the reply has kept its place in the row and is dropped (semantics.md 6).
  if (entry.timed_out) {
    stats_.late_replies.Add();
    reply.Drop();
    return unusable;
  }
  if (entry.IsProbe()) {
    witness_.OnReply(entry, reply);
    reply.Drop();
    return unusable;
  }
  const char type = reply.bytes().front();
  const bool is_of_the_kind = wire::Fits(entry.asked.reply, type);
  if (!is_of_the_kind || (entry.IsMarked() && IsForeign(reply, entry.key_mark, settings_.cas_tag))) [[unlikely]]
    return RefuseReply(reply, entry);
  stats_.request_duration.Record(clock_.now() - entry.sent);
  witness_.OnReply(entry, reply);
  if (reply.is_large()) {
    sink_.OnReply(entry.ticket, Reply(reply.Take()));
    return unusable;
  }
  if (type == '-' && entry.asked.work != wire::Work::kScript) [[unlikely]] {
    HandOutError({settings_, witness_.version(), sink_}, entry.ticket, reply.bytes());
  } else {
    sink_.OnReply(entry.ticket, Reply(reply.bytes()));
  }
  reply.Drop();
  return unusable;
}

const char* ReplyPipeline::RefuseReply(const ReplyFrame& reply, const InFlight& entry) {
  const char* const why = entry.IsMarked() ? "a reply that names another key or request than was asked"
                                           : "a reply of another kind than the command has";
  witness_.OnLost(entry, why);
  Fail(entry.ticket, {.code = wire::ErrorCode::kNodeDown, .may_have_run = true});
  reply.Drop();
  return why;
}

net::TimePoint ReplyPipeline::DeadlineOf(const InFlight& entry, bool is_written) const {
  const conf::Timeouts& timeouts = settings_.timeouts;
  if (!link_is_ready_) return entry.entered + conf::TotalOf(timeouts);
  if (entry.IsBlocking()) {
    const std::chrono::seconds patience(entry.patience_s);
    return entry.patience_s == 0 ? net::TimePoint::max() : std::max(entry.sent, flowed_at_) + patience;
  }
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
  if (size() == 0 || in_flight_.front().timed_out) return;
  in_flight_.front().timed_out = true;
  Fail(in_flight_.front().ticket, {.code = code, .may_have_run = true});
}

// The timer is not moved when a request is answered: it fires at the old deadline and looks again, at all that have
// waited for so long that they may be late. A heavy one may have more time than those behind it.
bool ReplyPipeline::FailLate() {
  timer_.Disarm();
  const net::TimePoint now = clock_.now();
  const net::Duration shortest = ShortestWait();
  if (size() > 0 && oldest_work() != wire::Work::kBlocking) timer_.FireBy(now + shortest);
  bool any_late = false;
  anyone_waits_ = false;
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    if (entry.timed_out) continue;
    const net::TimePoint deadline = DeadlineOf(entry, i + unwritten_.count() < in_flight_.size());
    if (deadline > now) {
      anyone_waits_ = true;
      if (deadline != net::TimePoint::max()) timer_.FireBy(deadline);
      // All that follow were entered later still, and none of them can be late.
      if (entry.entered + shortest > now) break;
      continue;
    }
    entry.timed_out = any_late = true;
    stats_.timeouts.Add();
    witness_.OnTimeout(entry, link_is_ready_);
    // The oldest that is not written may have left in part, and then its rest follows.
    const bool may_have_run = link_is_ready_ && i + unwritten_.count() <= in_flight_.size();
    const wire::ErrorCode code = link_is_ready_ ? wire::ErrorCode::kTimeout : wire::ErrorCode::kNoConnection;
    Fail(entry.ticket, {.code = code, .may_have_run = may_have_run}, entry.IsHeavy());
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
  if (in_flight_.empty()) gone_ += std::exchange(dropped_, 0);
  return dropped;
}

bool ReplyPipeline::IsSilentForLong(bool any_late) {
  // Everything in flight is late, and perhaps nobody asks again (its keys may be moved away): the silence goes on.
  const bool only_late = !anyone_waits() && size() > 0;
  return (any_late || only_late) && witness_.CountSilence();
}

void ReplyPipeline::LookForSilence() {
  if (size() == 0 || oldest_work() == wire::Work::kBlocking || settings_.check_timeout == net::Duration(0)) return;
  timer_.FireBy(witness_.LookForSilence(std::max(in_flight_.front().sent, unwritten_.moved_at())));
}

// The sink may send new requests from within its calls, so the old ones are told apart by their number.
void ReplyPipeline::FailAll(std::string_view why, std::string_view words) {
  timer_.Disarm();
  link_is_ready_ = false;
  unwritten_.ForgetBacklog();
  // From within a call the link may even be closed, and then all have failed.
  for (size_t old = in_flight_.size(); old > 0 && size() > 0; --old) {
    const bool was_sent = unwritten_.count() < in_flight_.size();
    const InFlight entry = PopFront();
    // Its client has read an error already.
    if (entry.timed_out) continue;
    if (!why.empty()) witness_.OnLost(entry, why);
    Fail(entry.ticket, {.code = CodeOf(words), .words = words, .may_have_run = was_sent});
  }
  in_flight_.ShrinkIfEmpty();
}

InFlight ReplyPipeline::PopFront() {
  const InFlight entry = in_flight_.front();
  in_flight_.pop_front();
  ++gone_;
  if (in_flight_.empty()) gone_ += std::exchange(dropped_, 0);
  bytes_in_flight_ -= entry.bytes;
  // Answered before it was written: its rest still leaves, and the others wait for that.
  if (unwritten_.count() > in_flight_.size()) unwritten_.RemoveOldest(entry.bytes);
  witness_.OnGone(entry);
  return entry;
}

void ReplyPipeline::Fail(Ticket ticket, wire::Failure failure, bool is_heavy) {
  // The guard's own probe has no client, and counts as nobody's failure.
  if (ticket.kind == Ticket::Kind::kInternal) return witness_.OnProbeFailed(ticket);
  const bool was_asked = failure.code != wire::ErrorCode::kNoConnection;
  if (failure.code == wire::ErrorCode::kNodeOverloaded) {
    stats_.overloads.Add();
  } else if (was_asked && failure.code != wire::ErrorCode::kFlavourRefused) {  // Of that the node is well.
    stats_.failures.Add();
  }
  failure.pool = settings_.pool;
  failure.node = settings_.node;
  failure.timeout = was_asked ? conf::ReplyTimeoutOf(settings_.timeouts, is_heavy) : conf::TotalOf(settings_.timeouts);
  sink_.OnFailure(ticket, failure);
}

}  // namespace ringproxy::backends
