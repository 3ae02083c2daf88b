// proxy/session/glob.h – Redis' patterns: `*`, `?`, `[a-c]`, `[^a]` and `\` before a literal.
//
// Threads: a pure function. Promise: at most pattern times text steps, whatever a client sends.
#pragma once

#include <string_view>

namespace ringproxy::proxy {

// Without regard to case: what it is used for (names of commands and parameters) has none.
bool MatchesGlob(std::string_view pattern, std::string_view text);

}  // namespace ringproxy::proxy
