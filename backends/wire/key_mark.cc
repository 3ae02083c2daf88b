#include "backends/wire/key_mark.h"

#include <cstring>

#include "backends/wire/ascii.h"
#include "backends/wire/memcache_reply.h"

namespace ringproxy::wire {
namespace {

using Kind = KeyMark::Kind;

constexpr std::string_view kValue = "VALUE ";
// 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4: Fibonacci hashing).
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

// Eight bytes at a time, since each get and each value is asked for it.
uint32_t HashOf(std::string_view key) {
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
  return static_cast<uint32_t>(hash);
}

uint32_t BitOf(std::string_view key) {
  return uint32_t{1} << HashOf(key) % 32;
}

// `keys`: the rest of the line, without its end.
KeyMark MarkOfSeveral(std::string_view keys) {
  KeyMark mark{0, Kind::kSeveral};
  for (size_t i = 0; i <= KeyMark::kMostMarked; ++i) {
    const std::string_view key = TakeWord(&keys);
    if (key.empty()) return mark;
    mark.bits |= BitOf(key);
  }
  // So many would fit nearly every reply.
  return {};
}

// Of gat and gats. `rest_of_line`: what follows the name, with its end.
KeyMark MarkOfTouched(std::string_view rest_of_line) {
  std::string_view line = TakeLine(&rest_of_line);
  TakeWord(&line);
  std::string_view rest = line;
  const std::string_view first = TakeWord(&rest);
  return !first.empty() && rest.empty() ? KeyMark{HashOf(first), Kind::kOne} : MarkOfSeveral(line);
}

KeyMark MarkOfMeta(std::string_view request) {
  std::string_view line = TakeLine(&request);
  const std::string_view name = TakeWord(&line);
  const std::string_view key = TakeWord(&line);
  if (name == "ms") TakeWord(&line);
  if (name == "me") return TakeWord(&line).empty() ? KeyMark{HashOf(key), Kind::kDebug} : KeyMark();
  bool wants_key = false;
  bool is_base64 = false;
  for (std::string_view flag = TakeWord(&line); !flag.empty(); flag = TakeWord(&line)) {
    if (flag.front() == 'O') return {HashOf(flag.substr(1)), Kind::kOpaque};
    wants_key |= flag.front() == 'k';
    is_base64 |= flag.front() == 'b';
  }
  return wants_key && !is_base64 ? KeyMark{HashOf(key), Kind::kKey} : KeyMark();
}

bool MetaNamesAnother(std::string_view reply, KeyMark mark) {
  std::string_view line = TakeLine(&reply);
  const std::string_view status = TakeWord(&line);
  if (mark.kind == Kind::kDebug) return status == "ME" && HashOf(TakeWord(&line)) != mark.bits;
  // An error's words may begin like a flag.
  if (status.size() != 2) return false;
  const char flag = mark.kind == Kind::kOpaque ? 'O' : 'k';
  for (std::string_view word = TakeWord(&line); !word.empty(); word = TakeWord(&line)) {
    if (word.front() == flag) return HashOf(word.substr(1)) != mark.bits;
  }
  return false;
}

}  // namespace

KeyMark KeyMarkOf(std::string_view request) {
  if (!HasPrefix(request, "get") || !request.ends_with(kLineEnd)) {
    if (HasPrefix(request, "gat ")) return MarkOfTouched(request.substr(4));
    if (HasPrefix(request, "gats ")) return MarkOfTouched(request.substr(5));
    const bool is_meta = request.size() > 2 && request[0] == 'm' && request[2] == ' ';
    return is_meta ? MarkOfMeta(request) : KeyMark();
  }
  request.remove_prefix(3);
  request.remove_suffix(kLineEnd.size());
  if (request.starts_with('s')) request.remove_prefix(1);
  if (!request.starts_with(' ')) return {};
  request.remove_prefix(1);
  // Several keys, or blanks that a client may put anywhere.
  const bool is_one_key = !request.empty() && request.find(' ') == std::string_view::npos;
  return is_one_key ? KeyMark{HashOf(request), Kind::kOne} : MarkOfSeveral(request);
}

bool NamesAnother(std::string_view reply, KeyMark mark) {
  if (mark.kind == Kind::kOne) {
    if (!HasPrefix(reply, kValue)) return false;
    reply.remove_prefix(kValue.size());
    // Flags follow the key.
    return HashOf(reply.substr(0, reply.find(' '))) != mark.bits;
  }
  if (mark.kind != Kind::kSeveral) return MetaNamesAnother(reply, mark);
  ValueReader values(reply);
  for (; values.Peek(); values.Advance()) {
    if ((BitOf(values.Peek()->key) & mark.bits) == 0) return true;
  }
  return false;
}

}  // namespace ringproxy::wire
