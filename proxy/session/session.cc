#include "proxy/session/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "backends/line_limit.h"
#include "proxy/session/memcache_binary_front.h"
#include "proxy/session/memcache_front.h"
#include "proxy/session/pinned_requests.h"
#include "proxy/session/redis_front.h"
#include "proxy/state/deliveries.h"

namespace ringproxy::proxy {
namespace {

// Replies that wait behind a slow one may be so many times what may wait for a client that does not read: it is not
// its own doing, and what was under way when it was stopped still comes.
constexpr size_t kMostAside = 2;
// What a client sends while a command of its waits at a node is read up to here; beyond it, its leaving goes unseen.
constexpr size_t kMostAhead = 64 << 10;
constexpr std::string_view kLeftWhileHeld = "it has left while CLIENT PAUSE held it";

std::unique_ptr<ProtocolFront> NewFront(const ProtocolFront::ClientParts& parts) {
  if (parts.listener.conf.protocol == conf::Protocol::kMemcached) return std::make_unique<MemcacheFront>(parts);
  return std::make_unique<RedisFront>(parts);
}

}  // namespace

Session::Session(ClientIo& io, ListenerContext& listener, uint32_t index, uint32_t generation, ClientState client)
    : io_(io),
      listener_(listener),
      input_(io.io.blocks),
      output_(io.io.blocks),
      client_(std::move(client)),
      requests_(io, listener, client_, {index, generation, 0, backends::Ticket::Kind::kSession}, mark_,
                output_.queue()),
      front_(NewFront({io, listener, input_, client_, requests_})) {
  client_.connected_at = client_.last_active = io.io.loop.now();
  listener_.stats.accepted.Add();
}

Session::~Session() {
  assert(closed());
}

void Session::Move(SessionMode mode) {
  assert(IsLegalMove(mode_, mode));
  if (IsBlocked(mode_)) listener_.stats.blocked.Subtract(1);
  if (IsBlocked(mode)) listener_.stats.blocked.Add();
  const bool was_reading = WatchesReads(std::exchange(mode_, mode));
  const bool is_reading = WatchesReads(mode);
  // A closed one is deleted at the end of the turn, which saves the call.
  if (mode != SessionMode::kClosed && was_reading != is_reading) stream_->WatchReads(is_reading);
}

void Session::OnReadable() {
  // The event may be older than what has stopped the session in this turn.
  if (mode_ != SessionMode::kReading) return IsBlocked(mode_) ? ReadAhead() : void();
  const size_t most = io_.io.memory.read_size(net::ReadBuffer::kSize);
  const net::IoResult result = input_.Fill(*stream_, io_.io.read_buffer, most);
  listener_.stats.bytes_in.Add(result.bytes);
  client_.last_active = io_.io.loop.now();
  // What came before the error is not looked at: nobody is left to read the replies.
  if (result.status == net::IoStatus::kError) return Close(std::strerror(result.error));
  ProcessInput();
  // Half-closed: what it asked before it stopped sending is still answered (semantics.md 12). After a pause the end of
  // the input is met again.
  client_has_ended_ = result.status == net::IoStatus::kEnd;
  if (client_has_ended_ && mode_ == SessionMode::kReading) Drain();
}

// The client may have left, and then nobody takes what it waits for.
void Session::ReadAhead() {
  const net::IoResult result = input_.Fill(*stream_, io_.io.read_buffer, io_.io.memory.read_size(kMostAhead));
  listener_.stats.bytes_in.Add(result.bytes);
  if (result.status == net::IoStatus::kError) return Close(std::strerror(result.error));
  input_.Keep(front_->bytes_needed());
  if (input_.bytes().size() >= kMostAhead) return Move(SessionMode::kPaused);
  client_has_ended_ = result.status == net::IoStatus::kEnd;
  if (!client_has_ended_) return;
  // As a server has it: else clients that gave up would stay until the end of the pause, and take the place of others.
  if (mode_ == SessionMode::kHeld) return Close(kLeftWhileHeld);
  if (input_.empty()) return Drain();
  // What it asked behind the command that waits is still answered, as above; the wait itself ends.
  EndWait(io_, requests_.owner(), true);
  Move(SessionMode::kPaused);
}

void Session::ProcessInput() {
  while (mode_ == SessionMode::kReading && !input_.empty()) {
    if (requests_.room() == ClientRequests::Room::kNone) {
      Move(SessionMode::kPaused);
    } else if (!Obey(front_->ProcessOne())) {
      break;
    }
  }
  if (input_.empty()) return input_.Keep(0);
  if (mode_ == SessionMode::kReading) {
    const size_t have = input_.bytes().size();
    const size_t needed = std::max(have, front_->bytes_needed());
    // Refused as soon as its size is known, and not only when the memory is gone.
    if (!io_.io.memory.HasRoomForRequest(have, needed - have)) Obey(front_->RefuseHalfRead());
  }
  // Bytes behind a QUIT, or behind what cannot be understood, are ignored (semantics.md 11).
  if (!TakesRequests(mode_)) return input_.Clear();
  input_.Keep(front_->bytes_needed());
}

bool Session::Obey(ProtocolFront::FrontStep step) {
  switch (step) {
    case ProtocolFront::FrontStep::kNext: return true;
    case ProtocolFront::FrontStep::kPause:
    case ProtocolFront::FrontStep::kWait:
      // It may have ended itself.
      if (TakesRequests(mode_))
        Move(step == ProtocolFront::FrontStep::kWait ? SessionMode::kWaiting : SessionMode::kPaused);
      return false;
    case ProtocolFront::FrontStep::kHold:
      Move(input_.bytes().size() < kMostAhead ? SessionMode::kHeld : SessionMode::kPaused);
      return false;
    case ProtocolFront::FrontStep::kNeedMore: return false;
    case ProtocolFront::FrontStep::kFinish: Drain(); return false;
    case ProtocolFront::FrontStep::kClose: Close({}); return false;
    case ProtocolFront::FrontStep::kSpeaksBinary:
      front_ =
          std::make_unique<MemcacheBinaryFront>(ProtocolFront::ClientParts{io_, listener_, input_, client_, requests_});
      return true;
  }
  return false;
}

void Session::Drain() {
  if (!TakesRequests(mode_)) return;
  // If nothing is under way it closes at the end of this turn, for which it has to be marked.
  Move(SessionMode::kFinishing);
  EndWait(io_, requests_.owner(), client_has_ended_);
  io_.Mark(mark_);
}

void Session::Resume() {
  if (mode_ == SessionMode::kReading || closed()) return;
  // Also one that takes no more requests may have one that waits for its turn.
  if (requests_.room() == ClientRequests::Room::kNone || mode_ == SessionMode::kFinishing) return;
  Move(SessionMode::kReading);
  ProcessInput();
}

bool Session::Flush(bool idle) {
  // Cleared first, for what follows may mark it anew.
  mark_.is_set = false;
  if (closed()) return false;
  if (requests_.replies().aside_bytes() / kMostAside > listener_.conf.limits.output_bytes) {
    CutOff("too many bytes of replies wait behind a slow one: twice the output limit is reached");
    return false;
  }
  const bool held = !idle && !output_.socket_is_full() && !requests_.replies().empty() && output_.Hold();
  if (held) {
    io_.Mark(mark_);
  } else if (!output_.socket_is_full()) {
    mode_ == SessionMode::kReading ? WriteOutput() : WriteLastOutput();
  }
  if (output_.socket_is_full() && output_.unread_bytes() > listener_.conf.limits.output_bytes)
    CutOff("it does not read: the output limit is reached");
  requests_.EndTurn();
  // There is room only since Resume: output has left, or a node's write failed in this turn. It reads on in the next.
  // What is held is looked at again when that ends.
  const bool may_resume = mode_ != SessionMode::kReading && !closed() && TakesRequests(mode_);
  if (may_resume && requests_.room() == ClientRequests::Room::kSome) {
    const bool has_read_all = mode_ == SessionMode::kWaiting && input_.empty();
    has_read_all ? Move(SessionMode::kReading) : io_.Mark(mark_);
  }
  return held;
}

size_t Session::WriteOutput() {
  const net::IoResult written = output_.Flush(*stream_);
  listener_.stats.bytes_out.Add(written.bytes);
  if (written.status == net::IoStatus::kError) Close(std::strerror(written.error));
  return written.bytes;
}

size_t Session::WriteLastOutput() {
  Deliveries& deliveries = io_.waits.deliveries();
  const bool is_waited_for = deliveries.Has(requests_.owner());
  // Seen as late as can be: what is written to one that has not ended its side does not come back.
  if (is_waited_for && mode_ == SessionMode::kWaiting && stream_->has_peer_left()) {
    ReadAhead();
    if (closed()) return 0;
  }
  const bool is_finishing = mode_ == SessionMode::kFinishing && requests_.replies().empty();
  // Whether it has left, or still reads, is seen by what becomes of its last reply.
  const bool is_seen_off = is_waited_for && is_finishing && client_has_ended_;
  if (is_seen_off) net::HoldForEnd(stream_->descriptor());
  const size_t written = WriteOutput();
  if (closed()) return written;
  const bool is_done = is_finishing && output_.empty();
  if (is_waited_for && !(is_seen_off && is_done)) deliveries.NoteWritten(requests_.owner(), written, output_.empty());
  if (!is_done) return written;
  // All is written, and nothing more will be; its last reply may be an error in the middle of what it sends.
  if (!client_has_ended_) stream_->EndWrites();
  if (is_seen_off) deliveries.SeeOff(requests_.owner(), std::move(stream_));
  Close({});
  return written;
}

void Session::OnWritable() {
  if (closed()) return;
  output_.OnWritable(*stream_);
  // A client that reads a long reply slowly is not idle.
  client_.last_active = io_.io.loop.now();
  // Nothing is held back now: the output has waited for the socket already.
  Flush(true);
  // It may wait for the rest of a list.
  if (mode_ == SessionMode::kPaused && io_.servers) io_.servers->listings->OnRoom(requests_.owner(), reply_bytes());
}

void Session::CutOff(std::string_view why) {
  static backends::LineLimit lines;
  if (closed()) return;
  lines.Log(io_.io.loop.now(), spdlog::level::warn, "client {} of listener {} is cut off: {}", client_.address,
            listener_.conf.name, why);
  listener_.stats.cut_off.Add();
  Close(why);
}

void Session::Close(std::string_view why) {
  if (closed()) return;
  if (!why.empty()) spdlog::debug("client {} of listener {}: {}", client_.address, listener_.conf.name, why);
  Move(SessionMode::kClosed);
  if (client_.refused.may_listen()) io_.subscriptions->End(requests_.owner());
  if (client_.refused.monitors()) io_.servers->monitors->End(requests_.owner());
  if (io_.servers) io_.servers->listings->End(requests_.owner());
  front_->ForgetHalfRead();
  LeavePinned(io_, client_, requests_.owner());
  listener_.stats.closed.Add();
  io_.turn.retired.push_back(requests_.owner());
}

ClientFacts Session::Facts() const {
  const uint32_t owner = requests_.owner();
  return {.client = client_,
          .listener = listener_.index,
          .stream = *stream_,
          .subscriptions = client_.refused.may_listen() ? io_.subscriptions->CountsOf(owner) : TopicCounts{},
          .request_bytes = input_.bytes().size(),
          .request_memory = input_.held_bytes(),
          .reply_bytes = reply_bytes(),
          .waits = mode_ == SessionMode::kWaiting || io_.waits.IsWaiting(owner),
          .is_held = mode_ == SessionMode::kHeld,
          .may_change = requests_.progress().may_change_client,
          .is_leaving = mode_ == SessionMode::kFinishing};
}

void Session::Tick(net::TimePoint now) {
  requests_.ShrinkIfEmpty();
  // Others may have given memory back.
  if (mode_ != SessionMode::kReading && TakesRequests(mode_) && requests_.room() != ClientRequests::Room::kNone)
    io_.Mark(mark_);
  // The node may not have begun to wait before.
  const bool ends = mode_ == SessionMode::kFinishing || (mode_ == SessionMode::kPaused && client_has_ended_);
  if (ends || (mode_ != SessionMode::kReading && io_.waits.IsEnding(requests_.owner())))
    EndWait(io_, requests_.owner(), client_has_ended_);
  const net::Duration idle = requests_.replies().empty() ? now - client_.last_active : net::Duration(0);
  const net::Duration watch_idle = listener_.conf.watch_idle;
  // Who is held is not idle.
  if (listener_.pause.is_on()) {
    if (mode_ == SessionMode::kPaused && !input_.empty() && stream_->has_peer_left()) Close(kLeftWhileHeld);
    return;
  }
  if (client_.flavour.is_pinned && watch_idle.count() > 0 && idle >= watch_idle) io_.watches.Lose(requests_.owner());
  const net::Duration idle_timeout = listener_.conf.idle_timeout;
  // Nor is who listens or monitors, as Redis sees it.
  const bool is_told = client_.refused.may_listen() || client_.refused.monitors();
  if (idle_timeout.count() > 0 && !is_told && idle >= idle_timeout) Close("idle for too long");
}

}  // namespace ringproxy::proxy
