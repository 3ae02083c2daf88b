#include "proxy/session/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "backends/line_limit.h"
#include "proxy/session/memcache_session.h"
#include "proxy/session/redis_session.h"

namespace ringproxy::proxy {
namespace {

// Output may be held for so many turns while the rest of a pipelined batch is under way.
constexpr uint8_t kHoldTurns = 2;
// Held only below this size: a long output gains nothing from waiting.
constexpr size_t kHoldBytes = 16 << 10;
// A client's requests under way may hold this many bytes of memory (one request may always be larger).
constexpr size_t kRequestBytesInFlight = 16 << 20;
// Replies that the proxy makes itself wait for nobody, and a few bytes may ask for many (COMMAND, INFO): beyond so many
// that are not written yet no further request is taken. Replies of nodes have the bound that the listener sets, since
// libraries send a long pipeline as a whole before they read.
constexpr size_t kUnreadLocalBytes = 1 << 20;
// Making them takes time as well, and the others have their turn after so many.
constexpr size_t kLocalBytesOfTurn = 8 << 10;
// Replies that wait behind a slow one may be so many times what may wait for a client that does not read: it is not
// its own doing, and what was under way when it was stopped still comes.
constexpr size_t kMostAside = 2;

}  // namespace

Session::Session(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation, ClientState client)
    : io_(io),
      listener_(listener),
      input_(io.io.blocks),
      output_(io.io.blocks),
      replies_(io.io.blocks),
      client_(std::move(client)),
      index_(index),
      generation_(generation) {
  client_.connected_at = client_.last_active = io.io.loop.now();
  listener_.stats.accepted.Add();
}

Session::~Session() {
  assert(state_ == SessionState::kClosed);
}

void Session::MarkForTurn() {
  if (marked_) return;
  marked_ = true;
  io_.turn.push_back(this);
}

void Session::OnReadable() {
  if (state_ != SessionState::kOpen) return;
  const size_t most = io_.io.memory.read_size(net::ReadBuffer::kSize);
  const net::IoResult result = input_.Fill(*stream_, io_.io.read_buffer, most);
  listener_.stats.bytes_in.Add(result.bytes);
  client_.last_active = io_.io.loop.now();
  if (result.status == net::IoStatus::kError) return Close(std::strerror(result.error));
  ProcessInput();
  if (result.status == net::IoStatus::kEnd && state_ == SessionState::kOpen) {
    // Half-closed: what it asked before it stopped sending is still answered (semantics.md 12).
    stream_->WatchReads(false);
    if (paused_) return;  // Resume will meet the end of the input again.
    FinishAfterReplies();
  }
}

void Session::ProcessInput() {
  while (state_ == SessionState::kOpen && !input_.empty()) {
    if (QueueFull()) {
      paused_ = true;
      stream_->WatchReads(false);
      break;
    }
    if (!ProcessOne()) break;
  }
  if (input_.empty()) return input_.Keep(0);
  if (state_ == SessionState::kOpen && !paused_) {
    const size_t have = input_.bytes().size();
    const size_t needed = std::max(have, bytes_needed());
    if (!io_.io.memory.HasRoomForRequest(have, needed - have)) RefuseHalfRead();
  }
  if (state_ != SessionState::kOpen) return input_.Clear();
  input_.Keep(bytes_needed());
}

void Session::GiveOwnReply(uint32_t slot, std::string_view reply) {
  local_bytes_of_turn_ += reply.size();
  if (reply.size() > io_.io.memory.most_taken()) [[unlikely]] {
    Count(wire::ErrorCode::kOutOfMemory);
    std::string text;
    AppendFailure({wire::ErrorCode::kOutOfMemory}, &text);
    return Answer(slot, backends::Reply(text));
  }
  unread_local_bytes_ += reply.size();
  Answer(slot, backends::Reply(reply));
}

void Session::Answer(uint32_t slot, backends::Reply&& reply) {
  // It was not idle while it waited.
  client_.last_active = io_.io.loop.now();
  replies_.Resolve(slot, std::move(reply), client_.last_active, output_);
  listener_.stats.replies.Add();
  MarkForTurn();
}

void Session::Dispatch(RoutedRequest& routed, size_t request_bytes, wire::Quiet quiet) {
  const Snapshot& snapshot = **io_.held;
  const uint32_t pool = io_.dispatcher.PoolOf(routed, snapshot.listeners[listener_.index]);
  const auto access = static_cast<size_t>(routed.spec.access);
  const uint32_t slot = replies_.Open({.opened = io_.io.loop.now(),
                                       .histogram = &io_.pool_stats[pool].request_duration[access],
                                       .request_bytes = request_bytes,
                                       .quiet = quiet});
  backends::Ticket ticket{index_, generation_, slot, backends::Ticket::Kind::kSession};
  const LimitRules& rules = *snapshot.limits;
  const bool is_concerned = rules.MayConcern(listener_.index, routed.command) || rules.has_priorities();
  if (is_concerned && !PassesLimits(routed, slot, &ticket)) [[unlikely]]
    return;
  Send(routed, ticket);
}

bool Session::PassesLimits(RoutedRequest& routed, uint32_t slot, backends::Ticket* ticket) {
  const ClientIdentity client{client_.id, client_.ip,
                              client_.labels ? std::string_view(client_.labels->user) : std::string_view()};
  const LimitedRequest asked{listener_.index, routed.command, routed.spec, routed.request, routed.routing_key, client};
  routed.has_priority = io_.limiter.HasPriority(*(*io_.held)->limits, asked);
  const RateLimiter::Decision decision = io_.limiter.Admit(*io_.held, asked, ticket);
  switch (decision.verdict) {
    case RateLimiter::Verdict::kAdmitted: return true;
    case RateLimiter::Verdict::kRefused: Refuse(routed.spec, routed.request, slot, decision); break;
    case RateLimiter::Verdict::kWaits: parked_ = std::make_unique<ParkedRequest>(std::move(routed), slot); break;
  }
  return false;
}

void Session::Refuse(const wire::CommandSpec& spec, const wire::Request& request, uint32_t slot,
                     const RateLimiter::Decision& decision) {
  Count(wire::ErrorCode::kRateLimited);
  wire::Failure failure{.code = wire::ErrorCode::kRateLimited};
  failure.limit = decision.limit->name;
  failure.retry_after = decision.retry_after;
  std::string text;
  AppendRefusal(spec, request, failure, decision.limit->deny_as == conf::DenyAs::kMiss, &text);
  Answer(slot, backends::Reply(text));
}

void Session::OnAdmitted(uint32_t slot, backends::Ticket use) {
  assert(parked_ && parked_->slot() == slot);
  const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
  RoutedRequest routed = parked->Take();
  Send(routed, use);
  // At the end of the turn it reads on.
  MarkForTurn();
}

void Session::OnRefused(uint32_t slot, const RateLimiter::Decision& decision) {
  assert(parked_ && parked_->slot() == slot);
  const std::unique_ptr<ParkedRequest> parked = std::exchange(parked_, nullptr);
  Refuse(parked->spec(), parked->request(), slot, decision);
}

void Session::AppendRefusal(const wire::CommandSpec&, const wire::Request&, const wire::Failure& failure, bool,
                            std::string* out) const {
  AppendFailure(failure, out);
}

void Session::Send(RoutedRequest& routed, backends::Ticket ticket) {
  ++under_way_;
  io_.dispatcher.Dispatch(routed, {*io_.held, listener_.index, index_}, ticket);
}

void Session::OnReply(uint32_t slot, backends::Reply&& reply) {
  --under_way_;
  forecast_.OnReply(reply.size());
  Answer(slot, std::move(reply));
}

void Session::OnFailure(uint32_t slot, const wire::Failure& failure) {
  // Not the sessions' scratch: a request may fail while its session still builds a reply there.
  std::string text;
  AppendFailure(failure, &text);
  --under_way_;
  Answer(slot, backends::Reply(text));
}

void Session::FinishAfterReplies() {
  if (state_ != SessionState::kOpen) return;
  state_ = SessionState::kFinishing;
  stream_->WatchReads(false);
  MarkForTurn();
}

bool Session::QueueFull() const {
  return parked_ != nullptr || replies_.size() >= listener_.conf.limits.requests_in_flight ||
         replies_.request_bytes() >= kRequestBytesInFlight || unread_local_bytes_ >= kUnreadLocalBytes ||
         local_bytes_of_turn_ >= kLocalBytesOfTurn || forecast_.IsFull(under_way_) ||
         reply_bytes() + forecast_.BytesOf(under_way_) >
             std::min(listener_.conf.limits.output_bytes, io_.io.memory.most_held());
}

void Session::Resume() {
  if (!paused_ || state_ != SessionState::kOpen || QueueFull()) return;
  paused_ = false;
  stream_->WatchReads(true);
  ProcessInput();
}

bool Session::Flush(bool idle) {
  marked_ = false;
  if (state_ == SessionState::kClosed) return false;
  CloseIfTooMuchWaits();
  const bool held = FlushOutput(idle);
  unread_local_bytes_ = std::min(unread_local_bytes_, reply_bytes());
  local_bytes_of_turn_ = 0;
  // There is room only since Resume: output has left, or a node's write failed in this turn. It reads on in the next.
  if (paused_ && state_ == SessionState::kOpen && !QueueFull()) MarkForTurn();
  return held;
}

bool Session::FlushOutput(bool idle) {
  if (state_ == SessionState::kClosed) return false;
  if (write_armed_) {
    CloseIfItDoesNotRead();
    return false;
  }
  if (!replies_.empty() && !output_.empty() && !idle && held_turns_ < kHoldTurns && output_.size() < kHoldBytes) {
    ++held_turns_;
    MarkForTurn();
    return true;
  }
  held_turns_ = 0;
  const net::IoResult written = output_.Flush(*stream_);
  listener_.stats.bytes_out.Add(written.bytes);
  if (written.status == net::IoStatus::kError) {
    Close(std::strerror(written.error));
    return false;
  }
  const bool full = written.status == net::IoStatus::kWouldBlock;
  if (full != write_armed_) stream_->WatchWrites(full);
  write_armed_ = full;
  if (full) CloseIfItDoesNotRead();
  if (state_ == SessionState::kFinishing && replies_.empty() && output_.empty()) Close({});
  return false;
}

// The reply that is being written does not count: a client that reads may ask for one of any size.
void Session::CloseIfItDoesNotRead() {
  const size_t front = output_.front_size();
  const size_t waiting = output_.size() - (front >= net::kLargeFrame ? front : 0);
  if (waiting > listener_.conf.limits.output_bytes) CutOff("it does not read: the output limit is reached");
}

void Session::CloseIfTooMuchWaits() {
  if (replies_.aside_bytes() / kMostAside <= listener_.conf.limits.output_bytes) return;
  CutOff("too many bytes of replies wait behind a slow one: twice the output limit is reached");
}

void Session::CutOff(std::string_view why) {
  static backends::LineLimit lines;
  if (closed()) return;
  lines.Log(io_.io.loop.now(), spdlog::level::warn, "client {} of listener {} is cut off: {}", client_.address,
            listener_.conf.name, why);
  listener_.stats.cut_off.Add();
  Close(why);
}

void Session::OnWritable() {
  if (state_ == SessionState::kClosed) return;
  write_armed_ = false;
  stream_->WatchWrites(false);
  client_.last_active = io_.io.loop.now();
  Flush(true);
}

void Session::Drain() {
  FinishAfterReplies();
}

void Session::Close(std::string_view why) {
  if (state_ == SessionState::kClosed) return;
  if (!why.empty()) spdlog::debug("client {} of listener {}: {}", client_.address, listener_.conf.name, why);
  state_ = SessionState::kClosed;
  ForgetHalfRead();
  listener_.stats.closed.Add();
  io_.retired.push_back(index_);
}

void Session::Tick(net::TimePoint now) {
  replies_.ShrinkIfEmpty();
  // Others may have given memory back.
  if (paused_ && !QueueFull()) MarkForTurn();
  const net::Duration idle_timeout = listener_.conf.idle_timeout;
  if (idle_timeout.count() > 0 && replies_.empty() && now - client_.last_active >= idle_timeout)
    Close("idle for too long");
}

std::unique_ptr<Session> NewSession(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation,
                                    ClientState client) {
  if (listener.conf.protocol == conf::Protocol::kMemcached) {
    return std::make_unique<MemcacheSession>(io, listener, index, generation, std::move(client));
  }
  return std::make_unique<RedisSession>(io, listener, index, generation, std::move(client));
}

}  // namespace ringproxy::proxy
