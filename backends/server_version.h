// backends/server_version.h – The release of a server, as it says itself: 7.2.4, and whether it is a Valkey, whose
// releases are counted apart from those of Redis since its 8.0.
//
// Threads: a value; it fits into an atomic of eight bytes.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringproxy::backends {

class ServerVersion {
 public:
  constexpr ServerVersion() = default;  // Not known.
  constexpr ServerVersion(uint16_t major, uint16_t minor, uint16_t patch, bool is_valkey = false)
      : packed_(kKnown | uint64_t{major} << 40 | uint64_t{minor} << 24 | uint64_t{patch} << 8 |
                static_cast<uint64_t>(is_valkey)) {}

  // Up to three numbers with dots between them, whatever follows them; not known where there is none. `server`: what it
  // calls itself.
  static ServerVersion Parse(std::string_view text, std::string_view server = {}) {
    std::array<uint16_t, 3> numbers{};
    const char* const end = text.data() + text.size();
    const char* at = text.data();
    size_t read = 0;
    for (; read < numbers.size(); ++read) {
      if (read > 0 && (at == end || *at++ != '.')) break;
      const auto [after, error] = std::from_chars(at, end, numbers[read]);
      if (error != std::errc()) break;
      at = after;
    }
    if (read == 0) return {};
    return {numbers[0], numbers[1], numbers[2], server == "valkey"};
  }

  constexpr bool is_known() const { return packed_ != 0; }
  // Empty when it is not known.
  std::string text() const {
    if (!is_known()) return {};
    return std::to_string(part(40)) + "." + std::to_string(part(24)) + "." + std::to_string(part(8));
  }
  constexpr bool is_valkey() const { return (packed_ & 1) != 0; }
  // 8.10.2 is 81002; 0 when it is not known.
  constexpr uint32_t number() const {
    constexpr uint32_t kMost = 99;
    return part(40) * 10'000 + std::min(part(24), kMost) * 100 + std::min(part(8), kMost);
  }

  // One that is not known is below all others.
  constexpr auto operator<=>(const ServerVersion&) const = default;

 private:
  static constexpr uint64_t kKnown = uint64_t{1} << 63;

  constexpr uint32_t part(int shift) const { return static_cast<uint32_t>(packed_ >> shift & 0xffff); }

  uint64_t packed_ = 0;
};

}  // namespace ringproxy::backends
