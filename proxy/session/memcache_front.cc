#include "proxy/session/memcache_front.h"

#include <algorithm>

#include "backends/line_limit.h"
#include "backends/wire/ascii.h"
#include "backends/wire/memcache_binary.h"
#include "proxy/session/item_limit.h"

namespace ringproxy::proxy {
namespace {

backends::LineLimit bad_requests;

}  // namespace

ProtocolFront::FrontStep MemcacheFront::ProcessOne() {
  if (swallow_ > 0 && !Swallow()) return FrontStep::kNeedMore;
  // The first byte of a connection decides, and of no text: a later one is no more than an unknown command.
  if (input().bytes().front() == wire::kBinaryRequestMagic && requests().replies().next_number() == 0) [[unlikely]]
    return FrontStep::kSpeaksBinary;
  wire::MemcacheParser& parser = listener().memcache_parser;
  switch (parser.Parse(input().bytes(), &progress_)) {
    case wire::MemcacheParser::MemcacheStatus::kNeedMore:
      return NoNodeTakesItem() ? RefuseItem() : FrontStep::kNeedMore;
    case wire::MemcacheParser::MemcacheStatus::kRequest: return HandleRequest(parser);
    case wire::MemcacheParser::MemcacheStatus::kRefused:
      if (parser.error() == wire::ErrorCode::kTooLarge) return RefuseItem();
      Refuse(parser);
      input().Consume(parser.size());
      // The rest of a value must not be read as commands (semantics.md 30).
      swallow_ = parser.swallow();
      return FrontStep::kNext;
    case wire::MemcacheParser::MemcacheStatus::kBad:
      bad_requests.Log(io().io.loop.now(), spdlog::level::info, "client {} of listener {}: {}", client().address,
                       listener().conf.name, wire::ErrorName(parser.error()));
      Refuse(parser);
      return FrontStep::kFinish;
  }
  return FrontStep::kNeedMore;
}

bool MemcacheFront::NoNodeTakesItem() {
  // As long as the line itself goes on nothing is known of a data block.
  const bool has_line = progress_.scanned < input().bytes().size();
  if (!has_line || progress_.needed <= kSmallItem) return false;
  const uint64_t data = progress_.needed - progress_.scanned - 1 - wire::kLineEnd.size();
  return NoNodeTakes(data, **io().held, listener().index);
}

// An item of the same key would otherwise go on being served, though its client has replaced it: servers drop it too.
ProtocolFront::FrontStep MemcacheFront::RefuseItem() {
  // The parser may have read another client's line since.
  wire::MemcacheParser& parser = listener().memcache_parser;
  progress_ = {};
  parser.Parse(input().bytes(), &progress_);
  const wire::MemcacheSpec& spec = parser.spec();
  const wire::Quiet quiet = parser.quiet();
  const bool is_base64 = parser.key_word() != parser.routing_key();
  const std::string drop = is_base64 ? "md " + std::string(parser.key_word()) + " b\r\n"
                                     : "delete " + std::string(parser.key_word()) + "\r\n";
  const bool replaces = spec.command.name == "set" || spec.command.name == "ms";
  listener().stats.requests[wire::MemcacheCommandIndex(spec)].Add();
  CountRefusal(wire::MemcacheCommandIndex(spec), wire::ErrorCode::kTooLarge);
  swallow_ = progress_.needed > 0 ? progress_.needed - parser.size() : parser.swallow();
  progress_ = {};
  input().Consume(parser.size());
  replaces ? DropItem(drop, quiet) : requests().AnswerHere(TooLargeWords(), 0, quiet);
  return FrontStep::kNext;
}

void MemcacheFront::DropItem(std::string_view drop, wire::Quiet quiet) {
  wire::MemcacheParser parser(listener().limits);
  wire::MemcacheParser::Progress progress;
  parser.Parse(drop, &progress);
  RoutedRequest routed{parser.spec().command, parser.request(), {}};
  routed.routing_key = parser.routing_key();
  routed.command = static_cast<uint32_t>(wire::MemcacheCommandIndex(parser.spec()));
  routed.instead = TooLargeWords();
  requests().Dispatch(routed, 0, quiet);
}

bool MemcacheFront::Swallow() {
  const size_t size = std::min<uint64_t>(swallow_, input().bytes().size());
  input().Consume(size);
  swallow_ -= size;
  return !input().empty();
}

ProtocolFront::FrontStep MemcacheFront::HandleRequest(const wire::MemcacheParser& parser) {
  const wire::MemcacheSpec& spec = parser.spec();
  const size_t size = parser.size();
  const size_t row = wire::MemcacheCommandIndex(spec);
  listener().stats.requests[row].Add();
  // Those of memcached are numbered behind those of Redis.
  client().last_command = static_cast<uint16_t>(wire::RedisCommands().size() + spec.command.index);
  if (spec.command.handling >= wire::Handling::kLocal) return HandleApart(parser);
  // Words that ask for silence are blanked where they stand: a node has to answer each request (semantics.md 8 and 27).
  if (parser.unwanted().size > 0) input().Blank(parser.unwanted().offset, parser.unwanted().size);
  const bool in_place = parser.request().encoded().data() == input().bytes().data();
  // The views of the request stay valid: a block's bytes do not move with its handle.
  const bool in_own_block = in_place && input().CanTakeFrame(size);
  net::Block block = in_own_block ? input().TakeFrame(size) : net::Block();
  RoutedRequest routed{spec.command, parser.request(), std::move(block)};
  if (wire::HasOneKey(spec.command)) routed.routing_key = parser.routing_key();
  routed.cas = parser.cas();
  routed.command = static_cast<uint32_t>(row);
  requests().Dispatch(routed, size, parser.quiet());
  // Only now, since the request's views lie in the input.
  if (!in_own_block) input().Consume(size);
  return FrontStep::kNext;
}

ProtocolFront::FrontStep MemcacheFront::HandleApart(const wire::MemcacheParser& parser) {
  const size_t size = parser.size();
  if (parser.spec().command.handling == wire::Handling::kListing) {
    RoutedRequest routed{parser.spec().command, parser.request(), {}};
    routed.command = static_cast<uint32_t>(wire::MemcacheCommandIndex(parser.spec()));
    requests().DispatchAlone(routed, size, wire::Quiet::kNone);
    input().Consume(size);
    return FrontStep::kPause;
  }
  input().Consume(size);
  if (parser.spec().command.name == "quit") return FrontStep::kFinish;
  // mn: in its turn, so after everything that this client has asked for is settled (semantics.md 27).
  requests().AnswerHere("MN\r\n", 0);
  return FrontStep::kNext;
}

void MemcacheFront::Refuse(const wire::MemcacheParser& parser) {
  const auto& all = wire::MemcacheCommands();
  const wire::MemcacheSpec* spec = parser.known_spec();
  const size_t row = spec != nullptr ? wire::MemcacheCommandIndex(*spec) : all.size();
  listener().stats.requests[row].Add();
  CountRefusal(row, parser.error());
  requests().AnswerHere(parser.reply(), 0);
}

// Of one with a data block the end is known, and the client stays; a line has none.
ProtocolFront::FrontStep MemcacheFront::RefuseHalfRead() {
  // The parser may have read another client's line since.
  wire::MemcacheParser& parser = listener().memcache_parser;
  progress_ = {};
  parser.Parse(input().bytes(), &progress_);
  const bool has_end = progress_.scanned < input().bytes().size();
  io().Count(wire::ErrorCode::kOutOfMemory);
  std::string text;
  wire::AppendMemcacheError(wire::ErrorCode::kOutOfMemory, &text);
  requests().AnswerHere(text, 0, has_end ? parser.quiet() : wire::Quiet::kNone);
  if (!has_end) return FrontStep::kFinish;
  swallow_ = progress_.needed;
  progress_ = {};
  Swallow();
  return FrontStep::kNext;
}

}  // namespace ringproxy::proxy
