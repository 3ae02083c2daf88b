#include "proxy/session/session.h"

#include <spdlog/spdlog.h>

#include <cassert>
#include <cstring>

#include "backends/wire/ascii.h"
#include "backends/wire/command.h"
#include "backends/wire/error_text.h"

namespace ringproxy::proxy {
namespace {

// Output may be held for so many turns while the rest of a pipelined batch is under way.
constexpr uint8_t kHoldTurns = 2;
// Held only below this size: a long output gains nothing from waiting.
constexpr size_t kHoldBytes = 16 << 10;
// A client's requests under way may hold this many bytes of memory (one request may always be larger).
constexpr size_t kRequestBytesInFlight = 16 << 20;

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
  assert(state_ == State::kClosed);
}

void Session::MarkForTurn() {
  if (marked_) return;
  marked_ = true;
  io_.turn.push_back(this);
}

void Session::OnReadable() {
  if (state_ != State::kOpen) return;
  const net::IoResult result = input_.Fill(*stream_, io_.io.read_buffer);
  listener_.stats.bytes_in.Add(result.bytes);
  client_.last_active = io_.io.loop.now();
  if (result.status == net::IoStatus::kError) return Close(std::strerror(result.error));
  ProcessInput();
  if (result.status == net::IoStatus::kEnd && state_ == State::kOpen) {
    // Half-closed: what it asked before it stopped sending is still answered (trap 12).
    stream_->WatchReads(false);
    if (paused_) return;  // Resume will meet the end of the input again.
    FinishAfterReplies();
  }
}

void Session::ProcessInput() {
  while (state_ == State::kOpen && !input_.empty()) {
    if (QueueFull()) {
      paused_ = true;
      stream_->WatchReads(false);
      break;
    }
    if (!ProcessOne()) break;
  }
  if (state_ != State::kOpen) return input_.Clear();
  input_.Keep(parser_ ? parser_->bytes_needed() : 0);
}

bool Session::ProcessOne() {
  // A whole request is framed by a parser that goes back at once; one that is half read keeps its parser.
  std::unique_ptr<wire::RequestParser> parser = std::move(parser_);
  if (!parser && !listener_.idle_parsers.empty()) {
    parser = std::move(listener_.idle_parsers.back());
    listener_.idle_parsers.pop_back();
  }
  if (!parser) parser = std::make_unique<wire::RequestParser>(listener_.limits);
  switch (parser->Parse(input_.bytes())) {
    case wire::RequestParser::Status::kNeedMore: parser_ = std::move(parser); return false;
    case wire::RequestParser::Status::kBad: RefuseProtocol(parser->error()); break;
    case wire::RequestParser::Status::kNothing: input_.Consume(parser->size()); break;
    case wire::RequestParser::Status::kRequest: {
      const wire::Request request = parser->request();
      const bool in_place = request.encoded().data() == input_.bytes().data();
      HandleRequest(request, parser->size(), in_place && input_.CanTakeFrame(parser->size()));
      break;
    }
  }
  parser->Reset();
  listener_.idle_parsers.push_back(std::move(parser));
  return true;
}

void Session::HandleRequest(const wire::Request& request, size_t size, bool in_own_block) {
  // The views of `request` stay valid: a block's bytes do not move with its handle.
  net::Block block = in_own_block ? input_.TakeFrame(size) : net::Block();
  const net::TimePoint now = io_.io.loop.now();
  const wire::CommandSpec* spec = wire::FindRedisCommand(request);
  listener_.stats.requests[spec != nullptr ? wire::CommandIndex(*spec) : wire::RedisCommands().size()].Add();
  if (spec == nullptr && LooksLikeHttp(request)) return Close("an HTTP client spoke to a Redis listener");
  const uint32_t slot = replies_.Open(size, now);
  if (!AnswerHere(spec, request, slot)) {
    const backends::Ticket ticket{index_, generation_, slot, backends::Ticket::Kind::kSession};
    const uint32_t pool =
        io_.dispatcher.Dispatch({*spec, request, std::move(block)}, {listener_.index, index_}, ticket);
    replies_.MeasureInto(slot, &io_.pool_stats[pool].request_duration[static_cast<size_t>(spec->access)]);
  }
  if (!in_own_block && state_ != State::kClosed) input_.Consume(size);
}

bool Session::AnswerHere(const wire::CommandSpec* spec, const wire::Request& request, uint32_t slot) {
  std::string& out = io_.scratch;
  out.clear();
  if (spec == nullptr) {
    Count(wire::ErrorCode::kUnknownCommand);
    wire::AppendUnknownCommand(request, &out);
  } else if (const wire::Shape shape = wire::CheckShape(*spec, request); shape == wire::Shape::kUnknownSubcommand) {
    Count(wire::ErrorCode::kUnknownCommand);
    wire::AppendUnknownSubcommand(request, &out);
  } else if (shape == wire::Shape::kWrongArity) {
    Count(wire::ErrorCode::kWrongArity);
    wire::AppendWrongArity(spec->name, &out);
  } else if (spec->handling == wire::Handling::kLocal) {
    client_.last_command = spec;
    const LocalOutcome outcome = AnswerLocally(*spec, request, client_, io_.view, &out);
    if (outcome == LocalOutcome::kCloseAfterReply) {
      Answer(slot, out);
      FinishAfterReplies();
      return true;
    }
  } else {
    client_.last_command = spec;
    const Snapshot& snapshot = io_.dispatcher.snapshot();
    const uint32_t default_pool = snapshot.listeners[listener_.index].routes.back().pool;
    const std::string_view why = wire::RefusalOf(*spec, request, snapshot.pools[default_pool].hash_tag);
    if (why.empty()) return false;
    Count(wire::ErrorCode::kNotSupported);
    wire::AppendNotSupported(spec->name, why, &out);
  }
  Answer(slot, out);
  return true;
}

void Session::Answer(uint32_t slot, std::string_view reply) {
  replies_.Resolve(slot, reply, io_.io.loop.now(), output_);
  listener_.stats.replies.Add();
  MarkForTurn();
}

void Session::OnReply(uint32_t slot, std::string_view reply) {
  Answer(slot, reply);
}

void Session::OnLargeReply(uint32_t slot, net::Block reply) {
  replies_.Resolve(slot, std::move(reply), io_.io.loop.now(), output_);
  listener_.stats.replies.Add();
  MarkForTurn();
}

bool Session::LooksLikeHttp(const wire::Request& request) {
  return wire::EqualsIgnoringCase(request.name(), "post") || wire::EqualsIgnoringCase(request.name(), "host:");
}

void Session::RefuseProtocol(std::string_view error) {
  spdlog::info("client {} of listener {}: {}", client_.address, listener_.conf.name, error);
  Count(wire::ErrorCode::kProtocol);
  const uint32_t slot = replies_.Open(0, io_.io.loop.now());
  io_.scratch.clear();
  wire::AppendProtocolError(error, &io_.scratch);
  Answer(slot, io_.scratch);
  FinishAfterReplies();
}

void Session::FinishAfterReplies() {
  if (state_ != State::kOpen) return;
  state_ = State::kFinishing;
  stream_->WatchReads(false);
  MarkForTurn();
}

bool Session::QueueFull() const {
  return replies_.size() >= listener_.conf.limits.requests_in_flight ||
         replies_.request_bytes() >= kRequestBytesInFlight;
}

void Session::Resume() {
  if (!paused_ || state_ != State::kOpen || QueueFull()) return;
  paused_ = false;
  stream_->WatchReads(true);
  ProcessInput();
}

bool Session::Flush(bool idle) {
  marked_ = false;
  if (state_ == State::kClosed) return false;
  if (output_.size() > listener_.conf.limits.output_bytes) {
    Close("it does not read: the output limit is reached");
    return false;
  }
  if (write_armed_) return false;
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
  if (state_ == State::kFinishing && replies_.empty() && output_.empty()) Close({});
  return false;
}

void Session::OnWritable() {
  if (state_ == State::kClosed) return;
  write_armed_ = false;
  stream_->WatchWrites(false);
  client_.last_active = io_.io.loop.now();
  Flush(true);
}

void Session::Drain() {
  FinishAfterReplies();
}

void Session::Close(std::string_view why) {
  if (state_ == State::kClosed) return;
  if (!why.empty()) spdlog::debug("client {} of listener {}: {}", client_.address, listener_.conf.name, why);
  state_ = State::kClosed;
  if (parser_) {
    parser_->Reset();
    listener_.idle_parsers.push_back(std::move(parser_));
  }
  listener_.stats.closed.Add();
  io_.retired.push_back(index_);
}

void Session::Tick(net::TimePoint now) {
  replies_.ShrinkIfEmpty();
  const net::Duration idle_timeout = listener_.conf.idle_timeout;
  if (idle_timeout.count() > 0 && replies_.empty() && now - client_.last_active >= idle_timeout)
    Close("idle for too long");
}

}  // namespace ringproxy::proxy
