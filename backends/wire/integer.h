// backends/wire/integer.h – Decimal integers: those of RESP as strict as Redis reads them, those of memcached's lines.
//
// Threads: pure functions.
// Promise of RESP's: one text for each value: no sign but a minus, no leading zeros, no "-0", nothing around the
// digits. So what was read and is written again has the same length.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/wire/ascii.h"

namespace ringproxy::wire {

inline bool IsDigit(char c) {
  return static_cast<unsigned char>(c - '0') < 10;
}

inline std::optional<int64_t> ParseInteger(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// As memcached reads numbers: leading zeros and a plus are allowed.
template <typename T>
std::optional<T> ParseMemcacheNumber(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && IsDigit(text[1])) text.remove_prefix(1);
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// When `digits\r\n` with a value below 10^18 stands at `at`, stores the value and returns what follows. nullptr for all
// else: negative, malformed, oddly ended or not wholly there.
const char* ReadLongCount(const char* at, const char* end, uint64_t* value);

// The same, at once for one digit or two: counts of arguments, and the sizes of names and most keys.
[[gnu::always_inline]] inline const char* ReadPlainCount(const char* at, const char* end, uint64_t* value) {
  if (end - at < 4 || !IsDigit(at[0])) [[unlikely]]
    return ReadLongCount(at, end, value);
  const auto first = static_cast<uint64_t>(at[0] - '0');
  if (IsLineEnd(at + 1)) {
    *value = first;
    return at + 3;
  }
  if (first == 0 || !IsDigit(at[1]) || !IsLineEnd(at + 2)) return ReadLongCount(at, end, value);
  *value = 10 * first + static_cast<uint64_t>(at[1] - '0');
  return at + 4;
}

}  // namespace ringproxy::wire
