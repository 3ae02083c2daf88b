#include "proxy/session/memcache_binary_front.h"

#include <algorithm>
#include <string>
#include <utility>

#include "backends/line_limit.h"
#include "proxy/session/item_limit.h"

namespace ringproxy::proxy {
namespace {

using wire::ErrorCode;

backends::LineLimit bad_packets;

std::string WordsOf(ErrorCode code) {
  std::string text;
  wire::AppendMemcacheError(code, &text);
  return text;
}

// The groups that memcached has in this protocol and the text twin serves. What a client writes gets no further.
bool IsServedGroup(std::string_view group) {
  constexpr std::string_view kGroups[] = {"",      "detail off", "detail on", "items",
                                          "reset", "settings",   "sizes",     "slabs"};
  return std::ranges::find(kGroups, group) != std::end(kGroups);
}

// The request as a client of the text protocol would write it; empty: there is no such group.
std::string InWords(const wire::MemcacheBinaryParser& parser) {
  if (parser.command()->loud == wire::BinaryOpcode::kStat) {
    if (!IsServedGroup(parser.key())) return {};
    std::string line = "stats";
    if (!parser.key().empty()) line.append(" ").append(parser.key());
    return line + "\r\n";
  }
  if (parser.extras().empty()) return "flush_all\r\n";
  uint32_t delay = 0;
  for (const char c : parser.extras()) delay = delay << 8 | static_cast<unsigned char>(c);
  return "flush_all " + std::to_string(delay) + "\r\n";
}

wire::ReplyWish WishOf(const wire::MemcacheBinaryParser& parser) {
  const wire::Quiet quiet = parser.command() != nullptr ? parser.command()->quiet : wire::Quiet::kBinary;
  return {quiet, parser.header().opcode, parser.header().opaque};
}

}  // namespace

ProtocolFront::FrontStep MemcacheBinaryFront::ProcessOne() {
  needed_ = 0;
  if (swallow_ > 0 && !Swallow()) return FrontStep::kNeedMore;
  Parser parser(listener().limits);
  switch (parser.Parse(input().bytes())) {
    case Parser::BinaryFraming::kNeedMore:
      needed_ = parser.needed();
      if (parser.has_key() && NoNodeTakes(parser.value_bytes(), **io().held, listener().index))
        return RefuseItem(parser);
      return FrontStep::kNeedMore;
    case Parser::BinaryFraming::kRequest: return HandleRequest(parser);
    case Parser::BinaryFraming::kRefused:
      return parser.status() == wire::BinaryStatus::kTooLarge ? RefuseItem(parser) : Refuse(parser);
    case Parser::BinaryFraming::kBad: return End(parser);
  }
  return FrontStep::kNeedMore;
}

void MemcacheBinaryFront::Count(const wire::CommandSpec& spec) {
  listener().stats.requests[spec.index].Add();
  client().last_command = static_cast<uint16_t>(wire::RedisCommands().size() + spec.index);
}

ProtocolFront::FrontStep MemcacheBinaryFront::HandleRequest(const Parser& parser) {
  const wire::BinaryCommand& command = *parser.command();
  switch (command.way) {
    case wire::BinaryCommand::BinaryWay::kInWords: return SendInWords(parser);
    case wire::BinaryCommand::BinaryWay::kNode: {
      const bool is_cas = command.loud == wire::BinaryOpcode::kSet && parser.header().cas != 0;
      return SendToNode(parser, is_cas ? wire::BinaryCasSpec() : command.spec);
    }
    case wire::BinaryCommand::BinaryWay::kAnswered:
    case wire::BinaryCommand::BinaryWay::kEnds: break;
  }
  Count(command.spec);
  // In its turn, so after everything that this client has asked for is settled (semantics.md 28).
  Answer("OK\r\n", parser);
  input().Consume(parser.size());
  return command.way == wire::BinaryCommand::BinaryWay::kEnds ? FrontStep::kFinish : FrontStep::kNext;
}

ProtocolFront::FrontStep MemcacheBinaryFront::SendToNode(const Parser& parser, const wire::CommandSpec& spec) {
  Count(spec);
  SpeakBinary();
  const size_t size = parser.size();
  wire::RenameBinary({static_cast<uint8_t>(parser.command()->loud), NextOpaque()}, input().writable());
  // The views of the request stay valid: a block's bytes do not move with its handle.
  const wire::Request request = parser.request();
  const bool in_own_block = input().CanTakeFrame(size);
  RoutedRequest routed{spec, request, in_own_block ? input().TakeFrame(size) : net::Block()};
  if (wire::HasOneKey(spec)) routed.routing_key = parser.key();
  routed.command = spec.index;
  requests().Dispatch(routed, size, WishOf(parser));
  // Only now, since the request's views lie in the input.
  if (!in_own_block) input().Consume(size);
  return FrontStep::kNext;
}

uint32_t MemcacheBinaryFront::NextOpaque() {
  constexpr uint32_t kSpread = 2654435769;
  return requests().owner() * kSpread + requests().replies().next_number();
}

ProtocolFront::FrontStep MemcacheBinaryFront::SendInWords(const Parser& parser) {
  // Over other links it would overtake what is under way, and what follows would overtake it. It stays unread
  // meanwhile.
  if (!requests().replies().empty()) {
    requests().Stop();
    return FrontStep::kPause;
  }
  const std::string line = InWords(parser);
  const wire::ReplyWish wish = WishOf(parser);
  const size_t size = parser.size();
  if (line.empty()) {
    Count(parser.command()->spec);
    input().Consume(size);
    requests().AnswerHere("NOT_FOUND\r\n", 0, wish);
    return FrontStep::kNext;
  }
  wire::MemcacheParser& words = listener().memcache_parser;
  wire::MemcacheParser::Progress progress;
  const bool is_served = words.Parse(line, &progress) == wire::MemcacheParser::MemcacheStatus::kRequest;
  const wire::CommandSpec& spec = words.spec().command;
  Count(spec);
  if (!is_served) {
    CountRefusal(spec.index, words.error());
    input().Consume(size);
    requests().AnswerHere(WordsOf(words.error()), 0, wish);
    return FrontStep::kNext;
  }
  SpeakText();
  RoutedRequest routed{spec, words.request(), {}};
  routed.command = spec.index;
  requests().Dispatch(routed, size, wish);
  requests().Stop();
  input().Consume(size);
  return FrontStep::kNext;
}

void MemcacheBinaryFront::Answer(std::string_view text, const Parser& parser) {
  requests().AnswerHere(text, 0, WishOf(parser));
}

ProtocolFront::FrontStep MemcacheBinaryFront::Refuse(const Parser& parser) {
  const wire::BinaryCommand* const command = parser.command();
  const size_t row = command != nullptr ? command->spec.index : wire::MemcacheCommands().size();
  listener().stats.requests[row].Add();
  const bool is_unknown = parser.status() == wire::BinaryStatus::kUnknownCommand;
  const ErrorCode code = is_unknown ? ErrorCode::kUnknownCommand : ErrorCode::kProtocol;
  CountRefusal(row, code);
  // What is no packet is closed on without a word, as by the server.
  if (parser.status() != wire::BinaryStatus::kSuccess) Answer(WordsOf(code), parser);
  input().Consume(std::min(parser.size(), input().bytes().size()));
  swallow_ = parser.swallow();
  return FrontStep::kNext;
}

ProtocolFront::FrontStep MemcacheBinaryFront::End(const Parser& parser) {
  bad_packets.Log(io().io.loop.now(), spdlog::level::info,
                  "client {} of listener {}: a packet of opcode {} is malformed", client().address,
                  listener().conf.name, parser.header().opcode);
  Refuse(parser);
  return FrontStep::kFinish;
}

// An item of the same key would otherwise go on being served, though its client has replaced it: servers drop it too.
ProtocolFront::FrontStep MemcacheBinaryFront::RefuseItem(const Parser& parser) {
  const wire::BinaryCommand& command = *parser.command();
  Count(command.spec);
  CountRefusal(command.spec.index, ErrorCode::kTooLarge);
  if (command.loud == wire::BinaryOpcode::kSet) {
    DropItem(parser.key(), WishOf(parser));
  } else {
    Answer(TooLargeWords(), parser);
  }
  swallow_ = wire::kBinaryHeaderBytes + uint64_t{parser.header().body_bytes};
  needed_ = 0;
  Swallow();
  return FrontStep::kNext;
}

void MemcacheBinaryFront::DropItem(std::string_view key, wire::ReplyWish wish) {
  const wire::BinaryCommand& command = *wire::FindBinaryCommand(static_cast<uint8_t>(wire::BinaryOpcode::kDelete));
  std::string packet;
  wire::AppendBinaryDelete(NextOpaque(), key, &packet);
  Parser parser(listener().limits);
  parser.Parse(packet);
  const wire::Request request = parser.request();
  RoutedRequest routed{command.spec, request, {}};
  routed.routing_key = parser.key();
  routed.command = command.spec.index;
  routed.instead = TooLargeWords();
  SpeakBinary();
  requests().Dispatch(routed, 0, wish);
}

ProtocolFront::FrontStep MemcacheBinaryFront::RefuseHalfRead() {
  Parser parser(listener().limits);
  io().Count(ErrorCode::kOutOfMemory);
  // Without a header nobody knows where it ends.
  if (input().bytes().size() < wire::kBinaryHeaderBytes) return FrontStep::kFinish;
  parser.Parse(input().bytes());
  Answer(WordsOf(ErrorCode::kOutOfMemory), parser);
  swallow_ = wire::kBinaryHeaderBytes + uint64_t{parser.header().body_bytes};
  needed_ = 0;
  Swallow();
  return FrontStep::kNext;
}

bool MemcacheBinaryFront::Swallow() {
  const size_t size = std::min<uint64_t>(swallow_, input().bytes().size());
  input().Consume(size);
  swallow_ -= size;
  return !input().empty();
}

}  // namespace ringproxy::proxy
