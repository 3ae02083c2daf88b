#include "proxy/session/memcache_session.h"

#include <algorithm>

#include "backends/line_limit.h"

namespace ringproxy::proxy {
namespace {

// The first byte of every request of the binary protocol, and of none in text.
constexpr char kBinaryMagic = '\x80';

backends::LineLimit bad_requests;
backends::LineLimit binary_clients;

}  // namespace

bool MemcacheSession::ProcessOne() {
  if (swallow_ > 0 && !Swallow()) return false;
  if (input().bytes().front() == kBinaryMagic) {
    CloseBinaryClient();
    return false;
  }
  wire::MemcacheParser& parser = listener().memcache_parser;
  switch (parser.Parse(input().bytes(), &progress_)) {
    case wire::MemcacheParser::MemcacheStatus::kNeedMore: return false;
    case wire::MemcacheParser::MemcacheStatus::kRequest: HandleRequest(parser); return true;
    case wire::MemcacheParser::MemcacheStatus::kRefused:
      Refuse(parser);
      input().Consume(parser.size());
      swallow_ = parser.swallow();
      return true;
    case wire::MemcacheParser::MemcacheStatus::kBad:
      bad_requests.Log(io().io.loop.now(), spdlog::level::info, "client {} of listener {}: {}", client().address,
                       listener().conf.name, wire::ErrorName(parser.error()));
      Refuse(parser);
      FinishAfterReplies();
      return false;
  }
  return false;
}

bool MemcacheSession::Swallow() {
  const size_t size = std::min<uint64_t>(swallow_, input().bytes().size());
  input().Consume(size);
  swallow_ -= size;
  return !input().empty();
}

void MemcacheSession::HandleRequest(const wire::MemcacheParser& parser) {
  const wire::MemcacheSpec& spec = parser.spec();
  const size_t size = parser.size();
  const size_t row = wire::MemcacheCommandIndex(spec);
  listener().stats.requests[row].Add();
  mutable_client().last_command = &spec.command;
  if (spec.command.handling == wire::Handling::kLocal) {
    AnswerLocally(parser);
    input().Consume(size);
    return;
  }
  if (parser.unwanted().size > 0) input().Blank(parser.unwanted().offset, parser.unwanted().size);
  const bool in_place = parser.request().encoded().data() == input().bytes().data();
  // The views of the request stay valid: a block's bytes do not move with its handle.
  const bool in_own_block = in_place && input().CanTakeFrame(size);
  net::Block block = in_own_block ? input().TakeFrame(size) : net::Block();
  RoutedRequest routed{spec.command, parser.request(), std::move(block)};
  if (wire::HasOneKey(spec.command)) routed.routing_key = parser.routing_key();
  routed.cas = parser.cas();
  routed.command = static_cast<uint32_t>(row);
  Dispatch(routed, size, parser.quiet());
  if (!in_own_block && !closed()) input().Consume(size);
}

void MemcacheSession::AnswerLocally(const wire::MemcacheParser& parser) {
  if (parser.spec().command.name == "quit") return FinishAfterReplies();
  // mn: in its turn, so after everything that this client has asked for is settled (semantics.md 27).
  GiveOwnReply(OpenSlot(0), "MN\r\n");
}

void MemcacheSession::Refuse(const wire::MemcacheParser& parser) {
  const auto& all = wire::MemcacheCommands();
  const wire::MemcacheSpec* spec = parser.known_spec();
  const size_t row = spec != nullptr ? wire::MemcacheCommandIndex(*spec) : all.size();
  listener().stats.requests[row].Add();
  CountRefusal(row, parser.error());
  GiveOwnReply(OpenSlot(0), parser.reply());
}

// Of one with a data block the end is known, and the client stays; a line has none.
void MemcacheSession::RefuseHalfRead() {
  // The parser may have read another client's line since.
  wire::MemcacheParser& parser = listener().memcache_parser;
  progress_ = {};
  parser.Parse(input().bytes(), &progress_);
  const bool has_end = progress_.scanned < input().bytes().size();
  Count(wire::ErrorCode::kOutOfMemory);
  std::string text;
  AppendFailure({wire::ErrorCode::kOutOfMemory}, &text);
  GiveOwnReply(OpenSlot(0, has_end ? parser.quiet() : wire::Quiet::kNone), text);
  if (!has_end) return FinishAfterReplies();
  swallow_ = progress_.needed;
  progress_ = {};
  Swallow();
}

void MemcacheSession::CloseBinaryClient() {
  binary_clients.Log(
      io().io.loop.now(), spdlog::level::warn,
      "client {} of listener {} speaks memcached's binary protocol, which ringproxy does not; set the client to the "
      "text (ASCII) protocol",
      client().address, listener().conf.name);
  CountRefusal(wire::MemcacheCommands().size(), wire::ErrorCode::kProtocol);
  FinishAfterReplies();
}

void MemcacheSession::AppendRefusal(const wire::CommandSpec& spec, const wire::Request& request,
                                    const wire::Failure& failure, bool as_miss, std::string* out) const {
  if (as_miss && wire::AppendMiss(*wire::FindMemcacheCommand(spec.name), request, out)) return;
  AppendFailure(failure, out);
}

void MemcacheSession::AppendFailure(const wire::Failure& failure, std::string* out) const {
  wire::AppendMemcacheError(failure.code, out);
}

}  // namespace ringproxy::proxy
