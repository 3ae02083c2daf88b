#include "backends/wire/memcache_binary.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "backends/wire/memcache_reply.h"

namespace ringproxy::wire {
namespace {

// Where the fields of a header lie.
constexpr size_t kOpcodeAt = 1, kKeyBytesAt = 2, kExtrasBytesAt = 4, kStatusAt = 6, kBodyBytesAt = 8, kOpaqueAt = 12,
                 kCasAt = 16;

template <typename T>
T Load(const char* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | static_cast<unsigned char>(from[i]));
  return value;
}
template <>
uint8_t Load(const char* from) {
  return static_cast<uint8_t>(*from);
}

template <typename T>
void Store(T value, char* to) {
  for (size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
}

struct StatusWords {
  BinaryStatus status;
  std::string_view words;
};
constexpr StatusWords kStatusWords[] = {
    {BinaryStatus::kNotFound, "Not found"},        {BinaryStatus::kExists, "Data exists for key."},
    {BinaryStatus::kTooLarge, "Too large."},       {BinaryStatus::kInvalid, "Invalid arguments"},
    {BinaryStatus::kNotStored, "Not stored."},     {BinaryStatus::kUnknownCommand, "Unknown command"},
    {BinaryStatus::kOutOfMemory, "Out of memory"},
};

struct TextStatus {
  std::string_view line;  // What it begins with.
  BinaryStatus status;
};
// The words of error_text.h and of memcached. Everything else that a server has against a request may be over soon:
// node down, timeout.
constexpr TextStatus kTextStatuses[] = {
    {"END", BinaryStatus::kNotFound},
    {"NOT_FOUND", BinaryStatus::kNotFound},
    {"NOT_STORED", BinaryStatus::kNotStored},
    {"EXISTS", BinaryStatus::kExists},
    {"ERROR", BinaryStatus::kUnknownCommand},
    {"CLIENT_ERROR", BinaryStatus::kInvalid},
    {"SERVER_ERROR object too large", BinaryStatus::kTooLarge},
    {"SERVER_ERROR out of memory", BinaryStatus::kOutOfMemory},
    {"SERVER_ERROR not supported", BinaryStatus::kNotSupported},
    {"SERVER_ERROR rate limited", BinaryStatus::kBusy},
    {"SERVER_ERROR node overloaded", BinaryStatus::kBusy},
    {"SERVER_ERROR", BinaryStatus::kTemporaryFailure},
};

void AppendLineAsBinary(std::string_view line, BinaryName name, std::string* out) {
  const auto* const text =
      std::ranges::find_if(kTextStatuses, [&](const TextStatus& row) { return line.starts_with(row.line); });
  if (text == std::end(kTextStatuses)) return AppendBinaryReply(name, BinaryStatus::kSuccess, {}, {}, out);
  const auto* const words = std::ranges::find(kStatusWords, text->status, &StatusWords::status);
  if (words != std::end(kStatusWords)) return AppendBinaryError(name, text->status, out);
  // Which of several it is only the line says.
  std::string_view own = line;
  TakeWord(&own);
  AppendBinaryReply(name, text->status, {}, own.empty() ? own : own.substr(1), out);
}

}  // namespace

BinaryHeader ReadBinaryHeader(std::string_view packet) {
  const char* const at = packet.data();
  return {.magic = Load<uint8_t>(at),
          .opcode = Load<uint8_t>(at + kOpcodeAt),
          .key_bytes = Load<uint16_t>(at + kKeyBytesAt),
          .extras_bytes = Load<uint8_t>(at + kExtrasBytesAt),
          .status = Load<uint16_t>(at + kStatusAt),
          .body_bytes = Load<uint32_t>(at + kBodyBytesAt),
          .opaque = Load<uint32_t>(at + kOpaqueAt),
          .cas = Load<uint64_t>(at + kCasAt)};
}

void RenameBinary(BinaryName name, char* packet) {
  packet[kOpcodeAt] = static_cast<char>(name.opcode);
  Store(name.opaque, packet + kOpaqueAt);
}

void RetagBinaryCas(CasTag tag, char* packet) {
  const uint64_t token = Load<uint64_t>(packet + kCasAt);
  // 0 is no token: a write with it would be done whatever the item has become.
  if (token != 0 && token != tag) Store(token ^ tag, packet + kCasAt);
}

uint16_t BinaryMarkOf(std::string_view packet) {
  const uint32_t opcode = Load<uint8_t>(packet.data() + kOpcodeAt);
  // Fibonacci hashing (Knuth): its high bits depend on all of the number.
  const uint32_t hash = (Load<uint32_t>(packet.data() + kOpaqueAt) ^ opcode << 24) * 2654435769U;
  const auto mark = static_cast<uint16_t>(hash >> 16);
  return mark != 0 ? mark : 1;
}

void AppendBinaryNoop(std::string* out) {
  const size_t start = out->size();
  AppendBinaryReply({static_cast<uint8_t>(BinaryOpcode::kNoop), 0}, BinaryStatus::kSuccess, {}, {}, out);
  (*out)[start] = kBinaryRequestMagic;
}

void AppendBinaryDelete(uint32_t opaque, std::string_view key, std::string* out) {
  const size_t start = out->size();
  AppendBinaryReply({static_cast<uint8_t>(BinaryOpcode::kDelete), opaque}, BinaryStatus::kSuccess, key, {}, out);
  (*out)[start] = kBinaryRequestMagic;
}

void AppendBinaryReply(BinaryName name, BinaryStatus status, std::string_view key, std::string_view value,
                       std::string* out) {
  char header[kBinaryHeaderBytes] = {kBinaryReplyMagic};
  key = key.substr(0, UINT16_MAX);
  Store(static_cast<uint16_t>(key.size()), header + kKeyBytesAt);
  Store(static_cast<uint16_t>(status), header + kStatusAt);
  Store(static_cast<uint32_t>(key.size() + value.size()), header + kBodyBytesAt);
  RenameBinary(name, header);
  out->append(header, kBinaryHeaderBytes).append(key).append(value);
}

void AppendBinaryError(BinaryName name, BinaryStatus status, std::string* out) {
  const auto* const row = std::ranges::find(kStatusWords, status, &StatusWords::status);
  AppendBinaryReply(name, status, {}, row != std::end(kStatusWords) ? row->words : std::string_view(), out);
}

void AppendTextAsBinary(std::string_view text, BinaryName name, std::string* out) {
  const bool is_stat = name.opcode == static_cast<uint8_t>(BinaryOpcode::kStat);
  const size_t start = out->size();
  do {
    std::string_view line = TakeLine(&text);
    const std::string_view whole = line;
    if (is_stat && TakeWord(&line) == "STAT") {
      const std::string_view key = TakeWord(&line);
      // Without a name it would be taken for the last one.
      if (!key.empty()) AppendBinaryReply(name, BinaryStatus::kSuccess, key, line.empty() ? line : line.substr(1), out);
    } else if (is_stat && whole == "END") {
      AppendBinaryReply(name, BinaryStatus::kSuccess, {}, {}, out);
    } else {
      AppendLineAsBinary(whole, name, out);
    }
  } while (!text.empty());
  // Who waits for the last packet would wait for ever.
  if (out->size() == start) AppendBinaryReply(name, BinaryStatus::kSuccess, {}, {}, out);
}

}  // namespace ringproxy::wire
