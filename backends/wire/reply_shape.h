// backends/wire/reply_shape.h – Of which kind the replies to a Redis command are, as far as all servers agree on it.
//
// Purpose: replies belong to requests by their position alone. A server, or something between, that is out of step by
// one hands every client a stranger's reply (semantics.md 40); but where a number follows a GET, everybody can see it.
// So the row of a command says what its replies are, and a link over which another kind comes is broken before anybody
// reads it.
// The kinds are coarse: what RESP2 has as an array is a map or a set in RESP3, and its nil is `$-1`, `*-1` or `_`.
// Threads: constants and pure functions.
#pragma once

#include <array>
#include <cstdint>

#include "backends/wire/fault.h"

namespace ringproxy::wire {

// A set of kinds. What a client's script, a module or a fork chooses is kAny.
enum class ReplyShape : uint8_t {
  kStatus = 1,   // +OK
  kText = 2,     // A string of any form, or nil.
  kInteger = 4,  // Never nil.
  kNumber = 8,   // A score, which RESP2 has as a string, or nil.
  kArray = 16,   // Also a set, a map, and nil.
  kAny = 255,
};

constexpr ReplyShape operator|(ReplyShape a, ReplyShape b) {
  return static_cast<ReplyShape>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}

// By the first byte of a reply: the kinds that begin so. Everybody may answer with an error, and what an attribute
// stands before is not looked for.
inline constexpr auto kShapesByType = [] {
  using enum ReplyShape;
  std::array<ReplyShape, 256> shapes{};
  shapes.fill(kAny);
  shapes['+'] = kStatus | kText;
  shapes['$'] = kText | kNumber;
  shapes['='] = kText;
  shapes[':'] = kInteger | kNumber;
  shapes['#'] = kInteger;
  shapes[','] = shapes['('] = kNumber;
  shapes['*'] = shapes['~'] = shapes['%'] = kArray;
  shapes['_'] = kText | kNumber | kArray;
  return shapes;
}();

// Whether a reply that begins with `type` may be one to a command of this shape.
constexpr bool Fits(ReplyShape shape, char type) {
  const ReplyShape begun = kShapesByType[static_cast<unsigned char>(type)];
  return (static_cast<uint8_t>(begun) & static_cast<uint8_t>(shape)) != 0;
}

// What a request asks of its node, as far as a link judges the node by the reply. A request of which nobody says what
// comes back is asked for anything.
struct Asked {
  constexpr Asked(Work does = Work::kPlain, ReplyShape answer = ReplyShape::kAny) : work(does), reply(answer) {}

  Work work;
  ReplyShape reply;
};

}  // namespace ringproxy::wire
