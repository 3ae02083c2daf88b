#include "backends/wire/key_mark.h"

#include <algorithm>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::wire {
namespace {

using Kind = KeyMark::Kind;

// The word at the head of `line`, which a blank or the line's end follows.
std::string_view FirstWord(std::string_view line) {
  return line.substr(0, line.find_first_of(" \r"));
}

// FNV-1a (Fowler, Noll, Vo), folded.
uint32_t HashOf(std::string_view key) {
  uint32_t hash = 2166136261;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return hash ^ hash >> 16;
}

uint32_t BitOf(std::string_view key) {
  return uint32_t{1} << HashOf(key) % 32;
}

// `keys`: the rest of the line, with its end.
KeyMark MarkOfKeys(std::string_view keys) {
  const std::string_view first = FirstWord(keys);
  if (!first.empty() && keys.substr(first.size()) == "\r\n") return {HashOf(first), Kind::kOne};
  KeyMark mark{0, Kind::kSeveral};
  std::string_view line = TakeLine(&keys);
  for (size_t i = 0; i <= KeyMark::kMostMarked; ++i) {
    const std::string_view key = TakeWord(&line);
    if (key.empty()) return mark;
    mark.bits |= BitOf(key);
  }
  // So many would fit nearly every reply.
  return {};
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
  if (request.starts_with('m')) return request.size() > 2 && request[2] == ' ' ? MarkOfMeta(request) : KeyMark();
  if (!request.starts_with('g')) return {};
  const bool touches = request.starts_with("gat");
  if (!touches && !request.starts_with("get")) return {};
  request.remove_prefix(3);
  if (request.starts_with('s')) request.remove_prefix(1);
  if (!request.starts_with(' ')) return {};
  request.remove_prefix(1);
  if (touches) {
    TakeWord(&request);
    request.remove_prefix(std::min(request.find_first_not_of(' '), request.size()));
  }
  return MarkOfKeys(request);
}

bool NamesAnother(std::string_view reply, KeyMark mark) {
  constexpr std::string_view kValue = "VALUE ";
  if (mark.kind == Kind::kOne)
    return reply.starts_with(kValue) && HashOf(FirstWord(reply.substr(kValue.size()))) != mark.bits;
  if (mark.kind != Kind::kSeveral) return MetaNamesAnother(reply, mark);
  ValueReader values(reply);
  for (; values.Peek(); values.Advance()) {
    if ((BitOf(values.Peek()->key) & mark.bits) == 0) return true;
  }
  return false;
}

}  // namespace ringproxy::wire
