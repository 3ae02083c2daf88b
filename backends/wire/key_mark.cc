#include "backends/wire/key_mark.h"

#include <cstring>

#include "backends/wire/ascii.h"

namespace ringproxy::wire {
namespace {

constexpr std::string_view kValue = "VALUE ";
// 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4: Fibonacci hashing).
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// Eight bytes at a time, since each get and each value is asked for it.
uint16_t MarkOf(std::string_view key) {
  uint64_t hash = key.size();
  const auto add = [&hash](const char* bytes, size_t size) {
    uint64_t word = 0;
    std::memcpy(&word, bytes, size);
    hash = (hash ^ word) * kGolden;
    hash ^= hash >> 32;
  };
  const char* at = key.data();
  size_t left = key.size();
  for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), at += sizeof(uint64_t)) add(at, sizeof(uint64_t));
  // The last eight, of which some have been added before, are one load; fewer are copied.
  if (left > 0) key.size() >= sizeof(uint64_t) ? add(at + left - sizeof(uint64_t), sizeof(uint64_t)) : add(at, left);
  const auto mark = static_cast<uint16_t>(hash);
  return mark != 0 ? mark : 1;
}

}  // namespace

uint16_t KeyMarkOf(std::string_view request) {
  if (!HasPrefix(request, "get") || !request.ends_with(kLineEnd)) return 0;
  request.remove_prefix(3);
  request.remove_suffix(kLineEnd.size());
  if (request.starts_with('s')) request.remove_prefix(1);
  if (!request.starts_with(' ')) return 0;
  request.remove_prefix(1);
  // Several keys, or blanks that a client may put anywhere.
  const bool is_one_key = !request.empty() && request.find(' ') == std::string_view::npos;
  return is_one_key ? MarkOf(request) : 0;
}

bool NamesAnotherKey(std::string_view reply, uint16_t mark) {
  if (!HasPrefix(reply, kValue)) return false;
  reply.remove_prefix(kValue.size());
  // Flags follow the key.
  return MarkOf(reply.substr(0, reply.find(' '))) != mark;
}

}  // namespace ringproxy::wire
