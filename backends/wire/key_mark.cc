#include "backends/wire/key_mark.h"

namespace ringproxy::wire {
namespace {

// The word at the head of `line`, which a blank or the line's end follows.
std::string_view FirstWord(std::string_view line) {
  return line.substr(0, line.find_first_of(" \r"));
}

// FNV-1a (Fowler, Noll, Vo), folded.
uint16_t MarkOf(std::string_view key) {
  uint32_t hash = 2166136261;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  const auto mark = static_cast<uint16_t>(hash ^ hash >> 16);
  return mark != 0 ? mark : 1;
}

}  // namespace

uint16_t KeyMarkOf(std::string_view request) {
  if (!request.starts_with("get")) return 0;
  request.remove_prefix(3);
  if (request.starts_with('s')) request.remove_prefix(1);
  if (!request.starts_with(' ')) return 0;
  request.remove_prefix(1);
  const std::string_view key = FirstWord(request);
  const std::string_view rest = request.substr(key.size());
  // Several keys, or blanks that a client may put anywhere.
  return rest == "\r\n" && !key.empty() ? MarkOf(key) : 0;
}

bool NamesAnotherKey(std::string_view reply, uint16_t mark) {
  constexpr std::string_view kValue = "VALUE ";
  return reply.starts_with(kValue) && MarkOf(FirstWord(reply.substr(kValue.size()))) != mark;
}

}  // namespace ringproxy::wire
