// tools/benchmark/canned_memcache.cc – see canned_memcache.h.
#include "tools/benchmark/canned_memcache.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "tools/benchmark/canned_value.h"

namespace ringproxy::bench {
namespace {

constexpr std::string_view kEnd = "\r\n";

std::string_view TakeWord(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(word.size() + 1, line.size()));
  return word;
}

void AppendItem(CannedOutput& out, std::string_view key) {
  const size_t bytes = CannedValueBytes(key);
  char size[32];
  char* const end = std::to_chars(size, size + sizeof size, bytes).ptr;
  out.Append("VALUE ");
  out.Append(key);
  out.Append(" 0 ");
  out.Append({size, static_cast<size_t>(end - size)});
  out.Append(kEnd);
  AppendCannedValue(out, key, bytes);
}

}  // namespace

std::optional<size_t> AnswerMemcache(std::string_view bytes, CannedOutput& out) {
  const size_t line_end = bytes.find(kEnd);
  if (line_end == std::string_view::npos) return 0;
  std::string_view line = bytes.substr(0, line_end);
  const size_t used = line_end + kEnd.size();
  const std::string_view command = TakeWord(line);
  if (command == "get") {
    while (!line.empty()) AppendItem(out, TakeWord(line));
    out.Append("END\r\n");
    return used;
  }
  if (command == "set") {
    for (int i = 0; i < 3; ++i) TakeWord(line);  // key, flags, expiry
    const std::string_view size = TakeWord(line);
    size_t data = 0;
    if (std::from_chars(size.data(), size.data() + size.size(), data).ec != std::errc()) return std::nullopt;
    const size_t whole = used + data + kEnd.size();
    if (bytes.size() < whole) return 0;
    out.Append("STORED\r\n");
    return whole;
  }
  // Proxies ask these two to learn whether a node lives.
  if (command != "mn" && command != "version") return std::nullopt;
  out.Append(command == "mn" ? "MN\r\n" : "VERSION 1.6.0\r\n");
  return used;
}

}  // namespace ringproxy::bench
