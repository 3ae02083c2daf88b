// backends/wire/glob.h – Redis' patterns: `*`, `?`, `[a-c]`, `[^a]` and `\` before a literal.
//
// Threads: a pure function. Promise: at most pattern times text steps, whatever a client sends.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringproxy::wire {

// Names of commands and parameters have no case, keys do.
enum class Case : uint8_t { kMatters, kIgnored };
bool MatchesGlob(std::string_view pattern, std::string_view text, Case letters);

}  // namespace ringproxy::wire
