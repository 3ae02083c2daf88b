// conf/custom_command.h – A command of the operator's own, as conf/config.h has it.
//
// Threads: plain values.
#pragma once

#include <cstdint>
#include <string>

namespace ringproxy::conf {

// As backends/wire/command.h has them for its own.
enum class CommandAccess : uint8_t { kRead, kWrite, kAdmin };
enum class CommandHandling : uint8_t { kForward, kSplit, kAllNodes, kAnyNode, kRefuse };
enum class CommandMerge : uint8_t {
  kNone,
  kInKeyOrder,
  kSum,
  kLeast,
  kAllOk,
  kConcat,
  kFirst,
  kEveryElementAnd,
  kAnyNonNil,
};

// A whole number that may be below zero: -3.
struct SignedNumber {
  int32_t value = 0;

  bool operator==(const SignedNumber&) const = default;
};

// Where the keys of a command stand: at `first` to `last`, or behind the argument `count_at`, which says how many they
// are; `step` apart. All default (`none` in the file): it has no keys.
struct CommandKeys {
  uint32_t first = 0;      // 0 (`none` in the file) with count_at.
  SignedNumber last = {};  // Below 0 it counts from the end, -1 being the last argument; 0: as `first`.
  uint32_t step = 1;
  uint32_t count_at = 0;  // 0 (`none` in the file) with `first`.

  bool operator==(const CommandKeys&) const = default;
};

// A command that ringproxy does not know by itself.
struct CustomCommand {
  std::string name = {};
  SignedNumber arity = {};  // As Redis counts: the name included, negative for "at least".
  CommandKeys keys = {};
  CommandAccess access = CommandAccess::kWrite;
  CommandHandling handling = CommandHandling::kForward;
  CommandMerge merge = CommandMerge::kNone;
  bool is_heavy = false;

  bool operator==(const CustomCommand&) const = default;
};

}  // namespace ringproxy::conf
