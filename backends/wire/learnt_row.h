// backends/wire/learnt_row.h – What a server's own answer to COMMAND says of commands that ringproxy does not know.
//
// Purpose: of a new release or a module, a row of the command table that says where the keys stand, whether the command
// writes, and which nodes it is for: from its key specifications, flags and tips, or, before Redis 7.0, from the place
// of the first key, the last one and the step. A command that does not say enough, that waits, listens, or changes what
// the connection is, gets a row that refuses it.
// Threads: pure functions. Bounds: kMostAnswer bytes of an answer, kMostRows rows, kMostName bytes of a name. What a
// server says is believed only as far as it fits: whatever does not is left out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"

namespace ringproxy::wire {

struct LearntRow {
  static constexpr size_t kMostAnswer = size_t{4} << 20;
  static constexpr size_t kMostRows = 1024;
  static constexpr size_t kMostName = 64;

  std::string name = {};  // In lower case: letters, digits and the signs . _ -
  int arity = 0;
  KeySpec keys = {};
  Access access = Access::kWrite;
  Handling handling = Handling::kForward;
  Merge merge = Merge::kNone;
  std::string flags = {};
  bool is_script = false;     // Its replies and its time may be a client's doing.
  std::string_view why = {};  // Of kRefused: a text of static storage.

  bool operator==(const LearntRow& other) const {
    return name == other.name && arity == other.arity && keys.kind == other.keys.kind &&
           keys.first == other.keys.first && keys.last == other.keys.last && keys.step == other.keys.step &&
           access == other.access && handling == other.handling && merge == other.merge && flags == other.flags &&
           is_script == other.is_script && why == other.why;
  }
};

// The rows of those that are not in the table, by their names, each once. None: the reply is no answer to COMMAND.
// `reply` is one whole reply of RESP2.
std::optional<std::vector<LearntRow>> ReadLearntRows(std::string_view reply);

}  // namespace ringproxy::wire
