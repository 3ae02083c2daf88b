// conf/limit_words.h – The words of a limit that mean more than themselves.
//
// Purpose: conf/validate_limits refuses what cannot be read here, so whoever compiles the limits of a valid Config may
// count on an answer.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "conf/config.h"
#include "conf/result.h"

namespace ringproxy::conf {

inline constexpr uint32_t kLongestLimitPrefix = 1024;

enum class PerWord : uint8_t { kConnection, kClientIp, kUser, kKey, kPrefix };

// What the buckets of a limit are counted by. Nothing of it: one bucket in all.
struct LimitPer {
  bool connection = false;
  bool client_ip = false;
  bool user = false;
  bool key = false;
  uint32_t prefix = 0;           // The first so many bytes of a key; 0 = not by prefix.
  std::vector<PerWord> order{};  // As in the file: LimitOverride::value joins its parts so.

  bool operator==(const LimitPer&) const = default;
};

// Limit::per. Each word once; key and prefix(N) not together.
Result<LimitPer, Problem> ParsePer(const Words& words);

// What is wrong with the form of a word of RequestMatch::command. Whether there is such a command the tables of
// backends/wire know, which conf does not include.
std::optional<Problem> CheckCommandWord(std::string_view word);

}  // namespace ringproxy::conf
