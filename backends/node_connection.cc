#include "backends/node_connection.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "backends/reply_framers.h"

namespace ringproxy::backends {
namespace {

// A node may take its time over more than these: a large multi-get, a whole collection.
constexpr size_t kMostTimedRequest = 4 << 10;
constexpr size_t kMostTimedReply = 64 << 10;

}  // namespace

NodeConnection::NodeConnection(WorkerIo& io, const NodeSettings& settings, NodeGuard& guard, ReplySink& sink,
                               FlushList& flush_list, NodeStats& stats)
    : io_(io),
      settings_(settings),
      guard_(guard),
      sink_(sink),
      flush_list_(flush_list),
      stats_(stats),
      timer_(io.loop.NewTimer([this] { OnTimer(); })),
      output_(io.blocks),
      input_(io.blocks),
      framer_(NewReplyFramer(settings.protocol)),
      handshake_(NewHandshake(settings.protocol, settings.auth)),
      backoff_(settings.reconnect) {}

NodeConnection::~NodeConnection() {
  while (!in_flight_.empty()) PopFront();
  if (state_ == State::kReady) stats_.ready_connections.Subtract(1);
}

bool NodeConnection::MayMove(State from, State to) {
  switch (to) {
    case State::kIdle: return false;
    case State::kConnecting: return from != State::kDraining && from != State::kHandshaking;
    case State::kHandshaking: return from == State::kConnecting;
    case State::kReady: return from == State::kHandshaking;
    case State::kBackoff: return from != State::kDraining;
    case State::kDraining: return from == State::kReady;
    case State::kClosed: return from != State::kClosed;
  }
  return false;
}

void NodeConnection::Enter(State next) {
  assert(MayMove(state_, next));
  if (state_ == State::kReady) stats_.ready_connections.Subtract(1);
  state_ = next;
  if (state_ == State::kReady) stats_.ready_connections.Add();
  // One deadline for connecting and the handshake together.
  if (state_ != State::kHandshaking) timer_->Disarm();
}

void NodeConnection::ArmUntil(net::TimePoint end) {
  armed_until_ = end;
  timer_->Arm(end - io_.loop.now());
}

void NodeConnection::BecomeReady() {
  Enter(State::kReady);
  stats_.connects.Add();
  guard_.OnReady();
  silent_timeouts_ = 0;
  ready_since_ = io_.loop.now();
  first_attempt_ = true;
  // What waited for the connection is timed from here: it is written now.
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    entry.sent = io_.loop.now();
    entry.deadline = std::min(entry.deadline, entry.sent + settings_.timeouts.request);
  }
  FailLate();  // Nothing is late now; it arms the timer.
  if (!output_.empty()) MarkForFlush();
}

bool NodeConnection::Admit(size_t request_bytes, Ticket ticket, wire::Author author) {
  stats_.requests.Add();
  if (!accepts()) {
    Fail(ticket, wire::ErrorCode::kNodeDown);
    return false;
  }
  if (in_flight_.size() >= settings_.limits.requests_in_flight ||
      (bytes_in_flight_ > 0 && bytes_in_flight_ + request_bytes > settings_.limits.bytes_in_flight)) {
    Fail(ticket, wire::ErrorCode::kNodeOverloaded);
    return false;
  }
  const net::TimePoint now = io_.loop.now();
  const bool ready = state_ == State::kReady;
  const net::Duration total = conf::TotalOf(settings_.timeouts);
  const net::TimePoint deadline = now + (ready ? std::min(total, settings_.timeouts.request) : total);
  in_flight_.push_back({ticket, now, deadline, static_cast<uint32_t>(request_bytes), author});
  bytes_in_flight_ += request_bytes;
  guard_.OnSent();
  if (ready) {
    MarkForFlush();
    // Not armed although others stand in the FIFO: those have all timed out and their replies are still awaited.
    if (!timer_->armed()) ArmUntil(deadline);
  } else if (deadline < armed_until_) {
    ArmUntil(deadline);
  }
  return true;
}

void NodeConnection::Send(std::string_view request, Ticket ticket, wire::Author author) {
  if (Admit(request.size(), ticket, author)) output_.Append(request);
}

void NodeConnection::Send(net::Block request, Ticket ticket, wire::Author author) {
  if (Admit(request.size(), ticket, author)) output_.Append(std::move(request));
}

void NodeConnection::MarkForFlush() {
  if (marked_ || write_armed_) return;
  marked_ = true;
  flush_list_.push_back(this);
}

void NodeConnection::Flush() {
  marked_ = false;
  if (state_ != State::kReady && state_ != State::kDraining) return;
  const net::IoResult written = output_.Flush(*stream_);
  stats_.bytes_sent.Add(written.bytes);
  if (written.status == net::IoStatus::kError) return Break(std::strerror(written.error));
  const bool full = written.status == net::IoStatus::kWouldBlock;
  if (full != write_armed_) stream_->WatchWrites(full);
  write_armed_ = full;
}

void NodeConnection::OnReadable() {
  const net::IoResult result = input_.Fill(*stream_, io_.read_buffer);
  stats_.bytes_received.Add(result.bytes);
  if (result.bytes > 0) silent_timeouts_ = 0;
  if (!DeliverReplies()) return;
  if (result.status == net::IoStatus::kEnd) return Break("closed by the node");
  if (result.status == net::IoStatus::kError) return Break(std::strerror(result.error));
}

bool NodeConnection::DeliverReplies() {
  size_t needed = 0;
  while (!input_.empty()) {
    const wire::ReplyFramer::Status status = framer_->Frame(input_.bytes());
    if (status == wire::ReplyFramer::Status::kNeedMore) {
      needed = framer_->bytes_needed();
      break;
    }
    if (status == wire::ReplyFramer::Status::kBad) {
      Break("not a reply of its protocol");
      return false;
    }
    if (!DeliverOne(framer_->size())) return false;
  }
  if (needed > kMostTimedReply) large_until_ = io_.loop.now();
  input_.Keep(needed);
  return true;
}

bool NodeConnection::DeliverOne(size_t reply_bytes) {
  const std::string_view reply = input_.bytes().substr(0, reply_bytes);
  const bool was_handshaking = state_ == State::kHandshaking;
  if (state_ == State::kHandshaking) {
    if (!ContinueHandshake(reply)) return false;
    input_.Consume(reply_bytes);
    if (state_ != State::kReady || input_.empty()) return true;
  }
  // The requests that waited for the handshake are not written yet: no reply can be theirs.
  if (in_flight_.empty() || was_handshaking) {
    Break("a reply that nobody asked for");
    return false;
  }
  const InFlight entry = PopFront();
  if (entry.bytes > kMostTimedRequest || reply_bytes > kMostTimedReply) large_until_ = io_.loop.now();
  if (entry.timed_out) {
    stats_.late_replies.Add();
    input_.Consume(reply_bytes);
  } else {
    Deliver(entry, reply_bytes);
  }
  if (state_ == State::kDraining && in_flight_.empty()) {
    CloseForGood();
    return false;
  }
  return true;
}

void NodeConnection::Deliver(const InFlight& entry, size_t reply_bytes) {
  const std::string_view reply = input_.bytes().substr(0, reply_bytes);
  if (entry.ticket.kind == Ticket::Kind::kInternal) {
    guard_.OnProbeReply(entry.sent, framer_->FaultOf(reply));
    return input_.Consume(reply_bytes);
  }
  stats_.request_duration.Record(io_.loop.now() - entry.sent);
  if (IsEvidence(entry)) guard_.OnReply(entry.sent, framer_->FaultOf(reply), IsTimed(entry));
  if (input_.CanTakeFrame(reply_bytes)) {
    sink_.OnLargeReply(entry.ticket, input_.TakeFrame(reply_bytes));
  } else {
    sink_.OnReply(entry.ticket, reply);
    input_.Consume(reply_bytes);
  }
}

void NodeConnection::OnTimer() {
  switch (state_) {
    case State::kBackoff: return Connect();
    case State::kConnecting:
    case State::kHandshaking: {
      const bool connecting = state_ == State::kConnecting;
      const bool is_over = io_.loop.now() >= connect_deadline_;
      if (is_over && stream_) return Break(connecting ? "connecting timed out" : "the handshake timed out");
      if (is_over) StartAttempt();
      FailLate();
      if (!timer_->armed()) ArmUntil(connect_deadline_);
      return;
    }
    case State::kReady:
    case State::kDraining: return CheckDeadlines();
    case State::kIdle:
    case State::kClosed: return;
  }
}

// Deadlines stand in the order of the FIFO, so one timer for the first that has not passed is enough. It is not moved
// when that request is answered: it fires at the old deadline and looks again.
bool NodeConnection::FailLate() {
  const net::TimePoint now = io_.loop.now();
  bool any_passed = false;
  for (size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    if (entry.timed_out) continue;
    if (entry.deadline > now) {
      ArmUntil(Starting() ? std::min(connect_deadline_, entry.deadline) : entry.deadline);
      break;
    }
    entry.timed_out = any_passed = true;
    stats_.timeouts.Add();
    if (!IsTimed(entry) || entry.author == wire::Author::kClient) stats_.excused_timeouts.Add();
    if (IsEvidence(entry)) guard_.OnTimeout(entry.sent, IsTimed(entry));
    Fail(entry.ticket, wire::ErrorCode::kTimeout);
  }
  return any_passed;
}

void NodeConnection::CheckDeadlines() {
  const net::TimePoint now = io_.loop.now();
  const bool any_passed = FailLate();
  // Nobody waits for the replies that are still to come.
  if (state_ == State::kDraining && !timer_->armed()) return CloseForGood();
  // Everything in flight is late, and perhaps nobody asks again (its keys may be moved away): the silence goes on.
  const bool only_late = !timer_->armed() && !in_flight_.empty();
  if (!any_passed && !only_late) return;
  // Requests that were sent one after the other meet the same silence: it counts once a timeout.
  if (now >= next_silence_) {
    next_silence_ = now + settings_.timeouts.request;
    if (++silent_timeouts_ >= kSilentTimeouts) {
      guard_.OnSilence();
      return Break("no reply to several requests in a row");
    }
  }
  if (!timer_->armed()) timer_->Arm(settings_.timeouts.request);
}

void NodeConnection::Drain() {
  reopens_ = false;
  if (state_ == State::kClosed || state_ == State::kDraining) return;
  if (state_ != State::kReady || in_flight_.empty()) return CloseForGood();
  Enter(State::kDraining);
  CheckDeadlines();  // Arms the timer for the deadlines that stand.
}

void NodeConnection::Reopen() {
  reopens_ = state_ == State::kDraining;
  if (state_ == State::kClosed) Connect();
}

void NodeConnection::CloseForGood() {
  Enter(State::kClosed);
  DropStream();
  FailInFlight({});
  if (std::exchange(reopens_, false)) Connect();
}

void NodeConnection::DropStream() {
  stream_.reset();
  output_.Clear();
  input_.Clear();
  framer_->Reset();
  write_armed_ = false;
}

void NodeConnection::Break(std::string_view reason) {
  const bool was_ready = state_ == State::kReady;
  const bool was_draining = state_ == State::kDraining;
  if (was_draining) return CloseForGood();
  // One that was idle when it broke is no news: servers close those all the time.
  if (was_ready && !in_flight_.empty()) {
    spdlog::warn("a connection to node {} of pool {} is lost with {} requests under way: {}", settings_.node,
                 settings_.pool, in_flight_.size(), reason);
  }
  DropStream();
  const bool lasted = was_ready && io_.loop.now() - ready_since_ >= settings_.reconnect.initial;
  if (lasted) backoff_.Reset();
  if (was_ready && backoff_.failures() == 0) {
    // Once only when it broke as soon as it was ready, or the two would go on like that without a pause.
    if (!lasted) backoff_.OnFailure();
    // A node that was fine a moment ago is asked again at once, since servers close idle connections all the time;
    // requests wait for that unless it was given up for its silence.
    first_attempt_ = silent_timeouts_ < kSilentTimeouts;
    Connect();
  } else {
    if (!was_ready) stats_.connect_failures.Add();
    backoff_.OnFailure();
    first_attempt_ = false;
    Enter(State::kBackoff);
    timer_->Arm(backoff_.Next(io_.random));
    guard_.OnConnectFailed(reason);  // Also when it was had twice, and not kept for long.
  }
  FailInFlight(was_ready ? reason : std::string_view());
}

// The sink may send new requests from within its calls, so the old ones are told apart by their number.
void NodeConnection::FailInFlight(std::string_view lost_why) {
  for (size_t old = in_flight_.size(); old > 0; --old) {
    const InFlight entry = PopFront();
    if (entry.timed_out) continue;
    if (!lost_why.empty() && entry.ticket.kind != Ticket::Kind::kInternal) guard_.OnLost(entry.sent, lost_why);
    Fail(entry.ticket, wire::ErrorCode::kNodeDown);
  }
  in_flight_.ShrinkIfEmpty();
}

NodeConnection::InFlight NodeConnection::PopFront() {
  const InFlight entry = in_flight_.front();
  in_flight_.pop_front();
  bytes_in_flight_ -= entry.bytes;
  guard_.OnGone();
  return entry;
}

void NodeConnection::Fail(Ticket ticket, wire::ErrorCode code) {
  if (ticket.kind == Ticket::Kind::kInternal) return guard_.OnProbe(false);
  (code == wire::ErrorCode::kNodeOverloaded ? stats_.overloads : stats_.failures).Add();
  sink_.OnFailure(ticket, {code, settings_.pool, settings_.node, settings_.timeouts.request});
}

}  // namespace ringproxy::backends
