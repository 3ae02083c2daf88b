// backends/wire/command_row.h – What the rows of the Redis command table are written in, for the files that hold them.
//
// Threads: constants.
#pragma once

#include "backends/wire/command.h"

namespace ringproxy::wire::rows {

using enum Access;
using enum Gutter;
using enum Handling;
using enum Merge;
using enum Reach;
using enum ReplyShape;
using enum Retry;
using enum Weight;
using enum WithinMulti;

// Why a command is refused, where rows of several files have one reason: what is so, and a remedy only where there is
// one.
inline constexpr std::string_view kOneServer = "it concerns one server: ask the node itself";
inline constexpr std::string_view kSharedConnection = "it would act on the connection that all clients share";
inline constexpr std::string_view kNoClusterMode = "clients of ringproxy need no cluster mode";
inline constexpr std::string_view kFamily = "it is only a family of subcommands";

constexpr KeySpec One(int8_t at) {
  return {.kind = KeyKind::kOne, .first = at, .last = at, .step = 1};
}
constexpr KeySpec Range(int8_t first, int8_t last, int8_t step) {
  return {.kind = KeyKind::kRange, .first = first, .last = last, .step = step};
}
constexpr KeySpec CountedAt(int8_t count, int8_t step = 1) {
  return {.kind = KeyKind::kCounted, .first = count, .step = step};
}
constexpr KeySpec By(KeyKind kind) {
  return {.kind = kind};
}

}  // namespace ringproxy::wire::rows
