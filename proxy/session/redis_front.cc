#include "proxy/session/redis_front.h"

#include <spdlog/spdlog.h>

#include "backends/line_limit.h"
#include "backends/wire/ascii.h"
#include "backends/wire/command.h"
#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

// The first command of a browser or of a cross-protocol attack, closed without a word as Redis does.
bool LooksLikeHttp(const wire::Request& request) {
  return wire::EqualsIgnoringCase(request.name(), "post") || wire::EqualsIgnoringCase(request.name(), "host:");
}

}  // namespace

ProtocolFront::FrontStep RedisFront::ProcessOne() {
  FrontStep step = FrontStep::kNext;
  wire::RequestParser& parser = parser_ ? *parser_ : listener().redis_parser;
  switch (parser.Parse(input().bytes())) {
    case wire::RequestParser::RespStatus::kNeedMore: KeepHalfRead(); return FrontStep::kNeedMore;
    case wire::RequestParser::RespStatus::kBad: step = RefuseProtocol(parser.error()); break;
    case wire::RequestParser::RespStatus::kNothing: input().Consume(parser.size()); break;
    case wire::RequestParser::RespStatus::kRequest: {
      const wire::Request request = parser.request();
      // An inline request, or one in an unusual form, is encoded anew: its bytes are not those of the input.
      const bool in_place = request.encoded().data() == input().bytes().data();
      step = HandleRequest(request, parser.size(), in_place && input().CanTakeFrame(parser.size()));
      break;
    }
  }
  if (parser_) ForgetHalfRead();
  return step;
}

// The listener's parser has begun with it, and is needed for other clients.
void RedisFront::KeepHalfRead() {
  if (parser_) return;
  auto& idle_parsers = listener().idle_parsers;
  if (idle_parsers.empty()) idle_parsers.push_back(std::make_unique<wire::RequestParser>(listener().limits));
  parser_ = std::move(idle_parsers.back());
  idle_parsers.pop_back();
  std::swap(*parser_, listener().redis_parser);
}

ProtocolFront::FrontStep RedisFront::HandleRequest(const wire::Request& request, size_t size, bool in_own_block) {
  // The views of `request` stay valid: a block's bytes do not move with its handle.
  net::Block block = in_own_block ? input().TakeFrame(size) : net::Block();
  const wire::CommandSpec* spec = wire::FindRedisCommand(request);
  const size_t row = spec != nullptr ? wire::CommandIndex(*spec) : wire::RedisCommands().size();
  listener().stats.requests[row].Add();
  if (spec == nullptr && LooksLikeHttp(request)) {
    spdlog::debug("client {} of listener {}: an HTTP client spoke to a Redis listener", client().address,
                  listener().conf.name);
    return FrontStep::kClose;
  }
  ReplyMode& mode = client().reply_mode;
  // CLIENT REPLY SKIP is about the request behind it, which is this one.
  if (mode == ReplyMode::kSkipNext) mode = ReplyMode::kSkipThis;
  io().scratch.clear();
  const std::optional<FrontStep> answered = AnswerHere(spec, request, &io().scratch);
  if (answered) {
    requests().AnswerHere(io().scratch, size, QuietNow());
  } else {
    RoutedRequest routed{*spec, request, std::move(block)};
    routed.command = static_cast<uint32_t>(row);
    requests().Dispatch(routed, size, QuietNow());
  }
  if (mode == ReplyMode::kSkipThis) mode = ReplyMode::kOn;
  // Only now, since the request's views lie in the input.
  if (!in_own_block) input().Consume(size);
  return answered.value_or(FrontStep::kNext);
}

std::optional<ProtocolFront::FrontStep> RedisFront::AnswerHere(const wire::CommandSpec* spec,
                                                               const wire::Request& request, std::string* out) {
  if (spec == nullptr || wire::CheckShape(*spec, request) != wire::Shape::kOk) {
    AnswerMalformed(spec, request, out);
    return FrontStep::kNext;
  }
  client().last_command = spec;
  const bool may_be_refused = wire::MayBeRefused(*spec) || !client().refused.is_clear();
  if (may_be_refused && IsRefused(*spec, request, out)) return FrontStep::kNext;
  if (spec->handling != wire::Handling::kLocal) return std::nullopt;
  const LocalOutcome outcome = AnswerLocally(*spec, request, client(), io().view, out);
  if (outcome == LocalOutcome::kRefused) CountRefusal(wire::CommandIndex(*spec), wire::ErrorCode::kNotSupported);
  return outcome == LocalOutcome::kCloseAfterReply ? FrontStep::kFinish : FrontStep::kNext;
}

void RedisFront::AnswerMalformed(const wire::CommandSpec* spec, const wire::Request& request, std::string* out) {
  if (spec == nullptr) {
    CountRefusal(wire::RedisCommands().size(), wire::ErrorCode::kUnknownCommand);
    return wire::AppendUnknownCommand(request, out);
  }
  if (wire::CheckShape(*spec, request) == wire::Shape::kUnknownSubcommand) {
    CountRefusal(wire::CommandIndex(*spec), wire::ErrorCode::kUnknownCommand);
    return wire::AppendUnknownSubcommand(request, out);
  }
  CountRefusal(wire::CommandIndex(*spec), wire::ErrorCode::kWrongArity);
  if (spec->name != "exec") return wire::AppendWrongArity(spec->name, out);
  // Redis ends the transaction, whatever stands behind the EXEC.
  client().refused.EndTransaction();
  wire::AppendError("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command", out);
}

bool RedisFront::IsRefused(const wire::CommandSpec& spec, const wire::Request& request, std::string* out) {
  RefusedState& refused = client().refused;
  wire::ErrorCode code = wire::ErrorCode::kNotSupported;
  switch (refused.ReasonAgainst(spec)) {
    case RefusedState::Reason::kTransaction:
      code = wire::ErrorCode::kTransactionRefused;
      wire::AppendTransactionRefused(spec.name, out);
      break;
    case RefusedState::Reason::kUnwatched:
      code = wire::ErrorCode::kTransactionRefused;
      wire::AppendNotSupported(spec.name, "the WATCH before it was refused", out);
      break;
    case RefusedState::Reason::kDatabase:
      code = wire::ErrorCode::kDatabaseRefused;
      wire::AppendDatabaseRefused(refused.database(), out);
      break;
    case RefusedState::Reason::kNone: {
      const Snapshot& snapshot = **io().held;
      // Which pool has the keys is not known yet; whether they share a tag is judged by the default pool's characters.
      const uint32_t default_pool = snapshot.listeners[listener().index].routes.back().pool;
      const std::string_view why = wire::RefusalOf(spec, request, snapshot.pools[default_pool].hash_tag);
      if (why.empty()) return false;
      wire::AppendNotSupported(spec.name, why, out);
    }
  }
  CountRefusal(wire::CommandIndex(spec), code);
  refused.OnRefused(spec);
  return true;
}

ProtocolFront::FrontStep RedisFront::RefuseProtocol(std::string_view error) {
  static backends::LineLimit lines;
  lines.Log(io().io.loop.now(), spdlog::level::info, "client {} of listener {}: {}", client().address,
            listener().conf.name, error);
  // The connection ends with these words, for taking the stream up again would be a guess (semantics.md 30).
  CountRefusal(wire::RedisCommands().size(), wire::ErrorCode::kProtocol);
  io().scratch.clear();
  wire::AppendProtocolError(error, &io().scratch);
  requests().AnswerHere(io().scratch, 0, QuietNow());
  return FrontStep::kFinish;
}

// What follows cannot be told from its rest, so the client goes, as with one that is too large.
ProtocolFront::FrontStep RedisFront::RefuseHalfRead() {
  io().Count(wire::ErrorCode::kOutOfMemory);
  io().scratch.clear();
  wire::AppendRedisError({wire::ErrorCode::kOutOfMemory}, &io().scratch);
  requests().AnswerHere(io().scratch, 0, QuietNow());
  return FrontStep::kFinish;
}

void RedisFront::ForgetHalfRead() {
  if (!parser_) return;
  parser_->Reset();
  listener().idle_parsers.push_back(std::move(parser_));
}

}  // namespace ringproxy::proxy
