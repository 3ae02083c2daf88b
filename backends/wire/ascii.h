// backends/wire/ascii.h – What both text protocols share: the end of a line, and words without regard to case.
//
// Threads: pure functions. ASCII only, whatever the locale: a command's name must not depend on it.
#pragma once

#include <cstring>
#include <string_view>

namespace ringproxy::wire {

inline constexpr std::string_view kLineEnd = "\r\n";

// Whether a line ends at `at`, behind which there are two bytes: one comparison, since each request and each reply has
// several.
inline bool IsLineEnd(const char* at) {
  return std::memcmp(at, kLineEnd.data(), kLineEnd.size()) == 0;
}

// Without a call, which the library's has for a prefix as short as these.
[[gnu::always_inline]] inline bool HasPrefix(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && std::memcmp(text.data(), prefix.data(), prefix.size()) == 0;
}

constexpr char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ToLower(a[i]) != ToLower(b[i])) return false;
  }
  return true;
}

}  // namespace ringproxy::wire
