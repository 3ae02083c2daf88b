// tools/benchmark/canned_memcache.cc – see canned_memcache.h.
#include "tools/benchmark/canned_memcache.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "tools/benchmark/canned_value.h"

namespace ringproxy::bench {
namespace {

constexpr std::string_view kEnd = "\r\n";

constexpr char kBinaryRequest = '\x80';
constexpr char kBinaryReply = '\x81';
constexpr size_t kBinaryHeader = 24;
constexpr size_t kOpaqueAt = 12;
constexpr char kBinaryGet = 0x00;
constexpr char kBinaryNoop = 0x0a;
constexpr size_t kFlagBytes = 4;

uint32_t BigEndian(std::string_view bytes) {
  uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

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

// Every value has the token 0, as if nobody asked for it.
std::optional<size_t> AnswerBinary(std::string_view bytes, CannedOutput& out) {
  if (bytes.size() < kBinaryHeader) return 0;
  const size_t key_bytes = BigEndian(bytes.substr(2, 2));
  const size_t whole = kBinaryHeader + BigEndian(bytes.substr(8, 4));
  if (bytes.size() < whole) return 0;
  const char opcode = bytes[1];
  if (opcode != kBinaryGet && opcode != kBinaryNoop) return std::nullopt;
  const std::string_view key = bytes.substr(whole - key_bytes, key_bytes);
  const size_t value = opcode == kBinaryGet ? CannedValueBytes(key) : 0;
  const size_t extras = opcode == kBinaryGet ? kFlagBytes : 0;
  std::string head(kBinaryHeader + extras, '\0');
  head[0] = kBinaryReply;
  head[1] = opcode;
  head[4] = static_cast<char>(extras);
  for (size_t i = 0; i < 4; ++i) head[8 + i] = static_cast<char>((extras + value) >> (24 - 8 * i));
  head.replace(kOpaqueAt, 4, bytes.substr(kOpaqueAt, 4));
  out.Append(head);
  if (opcode == kBinaryGet) AppendCannedBytes(out, key, value);
  return whole;
}

}  // namespace

std::optional<size_t> AnswerMemcache(std::string_view bytes, CannedOutput& out) {
  if (bytes.starts_with(kBinaryRequest)) return AnswerBinary(bytes, out);
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
