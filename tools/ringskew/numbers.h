// tools/ringskew/numbers.h – Numbers as people read them. Threads: pure functions.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>

namespace ringproxy::ringskew {

// From so many on a number of requests or bytes is told by its size: 1.5e+300. No column is wide enough for more.
inline constexpr double kMostInFull = 1e15;

inline std::string Fixed(double value, int digits) {
  char text[64];
  const bool in_full = std::abs(value) < kMostInFull;
  std::snprintf(text, sizeof text, in_full ? "%.*f" : "%.*e", in_full ? digits : 3, value);
  return text;
}

// 0.3333 as "33.3 %".
inline std::string Percent(double share) {
  return Fixed(share * 100, share < 0.1 ? 2 : 1) + " %";
}

inline std::string Scientific(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3e", value);
  return text;
}

// 1234567 as "1,234,567".
inline std::string Grouped(uint64_t value) {
  std::string text = std::to_string(value);
  for (size_t at = text.size(); at > 3;) text.insert(at -= 3, ",");
  return text;
}

inline std::string Rounded(double value) {
  // Weights may be parts of 1, and a sum of them still is a number of requests.
  if (value > 0 && value < 10 && value != std::floor(value)) return value < 0.001 ? Scientific(value) : Fixed(value, 3);
  return value < kMostInFull ? Grouped(static_cast<uint64_t>(std::llround(value))) : Fixed(value, 0);
}

inline std::string Bytes(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1024;
  return Fixed(bytes, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

}  // namespace ringproxy::ringskew
