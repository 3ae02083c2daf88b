#include "proxy/session/redis_session.h"

#include <spdlog/spdlog.h>

#include "backends/wire/ascii.h"
#include "backends/wire/command.h"

namespace ringproxy::proxy {
namespace {

// The first command of a browser or of a cross-protocol attack, closed without a word as Redis does.
bool LooksLikeHttp(const wire::Request& request) {
  return wire::EqualsIgnoringCase(request.name(), "post") || wire::EqualsIgnoringCase(request.name(), "host:");
}

}  // namespace

bool RedisSession::ProcessOne() {
  auto& idle_parsers = listener().idle_parsers;
  // A whole request is framed by a parser that goes back at once; one that is half read keeps its parser.
  std::unique_ptr<wire::RequestParser> parser = std::move(parser_);
  if (!parser && !idle_parsers.empty()) {
    parser = std::move(idle_parsers.back());
    idle_parsers.pop_back();
  }
  if (!parser) parser = std::make_unique<wire::RequestParser>(listener().limits);
  switch (parser->Parse(input().bytes())) {
    case wire::RequestParser::Status::kNeedMore: parser_ = std::move(parser); return false;
    case wire::RequestParser::Status::kBad: RefuseProtocol(parser->error()); break;
    case wire::RequestParser::Status::kNothing: input().Consume(parser->size()); break;
    case wire::RequestParser::Status::kRequest: {
      const wire::Request request = parser->request();
      const bool in_place = request.encoded().data() == input().bytes().data();
      HandleRequest(request, parser->size(), in_place && input().CanTakeFrame(parser->size()));
      break;
    }
  }
  parser->Reset();
  idle_parsers.push_back(std::move(parser));
  return true;
}

void RedisSession::HandleRequest(const wire::Request& request, size_t size, bool in_own_block) {
  // The views of `request` stay valid: a block's bytes do not move with its handle.
  net::Block block = in_own_block ? input().TakeFrame(size) : net::Block();
  const wire::CommandSpec* spec = wire::FindRedisCommand(request);
  const size_t row = spec != nullptr ? wire::CommandIndex(*spec) : wire::RedisCommands().size();
  listener().stats.requests[row].Add();
  if (spec == nullptr && LooksLikeHttp(request)) return Close("an HTTP client spoke to a Redis listener");
  const uint32_t slot = OpenSlot(size);
  if (!AnswerHere(spec, request, slot)) {
    RoutedRequest routed{*spec, request, std::move(block)};
    routed.command = static_cast<uint32_t>(row);
    Dispatch(std::move(routed), slot);
  }
  if (!in_own_block && !closed()) input().Consume(size);
}

bool RedisSession::AnswerHere(const wire::CommandSpec* spec, const wire::Request& request, uint32_t slot) {
  std::string& out = io().scratch;
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
    mutable_client().last_command = spec;
    const LocalOutcome outcome = AnswerLocally(*spec, request, mutable_client(), io().view, &out);
    if (outcome == LocalOutcome::kCloseAfterReply) {
      Answer(slot, out);
      FinishAfterReplies();
      return true;
    }
  } else {
    mutable_client().last_command = spec;
    const Snapshot& snapshot = io().dispatcher.snapshot();
    const uint32_t default_pool = snapshot.listeners[listener().index].routes.back().pool;
    const std::string_view why = wire::RefusalOf(*spec, request, snapshot.pools[default_pool].hash_tag);
    if (why.empty()) return false;
    Count(wire::ErrorCode::kNotSupported);
    wire::AppendNotSupported(spec->name, why, &out);
  }
  Answer(slot, out);
  return true;
}

void RedisSession::RefuseProtocol(std::string_view error) {
  spdlog::info("client {} of listener {}: {}", client().address, listener().conf.name, error);
  Count(wire::ErrorCode::kProtocol);
  const uint32_t slot = OpenSlot(0);
  io().scratch.clear();
  wire::AppendProtocolError(error, &io().scratch);
  Answer(slot, io().scratch);
  FinishAfterReplies();
}

void RedisSession::ForgetHalfRead() {
  if (!parser_) return;
  parser_->Reset();
  listener().idle_parsers.push_back(std::move(parser_));
}

void RedisSession::AppendFailure(const wire::Failure& failure, std::string* out) const {
  wire::AppendRedisError(failure, out);
}

}  // namespace ringproxy::proxy
