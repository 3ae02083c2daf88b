// tools/benchmark/canned_value.h – The value of a key on a canned server: the key itself, then filler, up to the size
// which the key names ("s4096:0000000012" has 4096 bytes). Threads: one.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>

#include "tools/benchmark/canned_output.h"

namespace ringproxy::bench {

inline constexpr size_t kMostCannedBytes = size_t{512} << 20;

inline size_t CannedValueBytes(std::string_view key) {
  size_t bytes = 64;
  if (key.starts_with('s')) std::from_chars(key.data() + 1, key.data() + key.size(), bytes);
  return std::min(bytes, kMostCannedBytes);
}

inline void AppendCannedBytes(CannedOutput& out, std::string_view key, size_t bytes) {
  out.Append(key.substr(0, bytes));
  if (bytes > key.size()) out.AppendFiller(bytes - key.size());
}
// With the line end that the protocols of text put behind it.
inline void AppendCannedValue(CannedOutput& out, std::string_view key, size_t bytes) {
  AppendCannedBytes(out, key, bytes);
  out.Append("\r\n");
}

}  // namespace ringproxy::bench
