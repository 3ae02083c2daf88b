// tools/ringskew/numbers.h – Numbers as people read them. Threads: pure functions.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace ringproxy::ringskew {

inline std::string Fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// 0.3333 as "33.3 %".
inline std::string Percent(double share) {
  return Fixed(share * 100, share < 0.1 ? 2 : 1) + " %";
}

// 1234567 as "1,234,567".
inline std::string Grouped(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

inline std::string Rounded(double value) {
  return Grouped(static_cast<uint64_t>(std::llround(value)));
}

inline std::string Bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return Fixed(bytes, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

}  // namespace ringproxy::ringskew
