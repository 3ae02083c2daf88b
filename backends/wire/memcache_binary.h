// backends/wire/memcache_binary.h – The packets of memcached's binary protocol: a header of 24 bytes, extras, key,
// value.
//
// Source: protocol_binary.txt and what memcached 1.6.18 does (semantics.md 28). All numbers are big-endian. Threads:
// pure functions. Requires of what takes a packet: its header is whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "backends/wire/memcache_cas.h"

namespace ringproxy::wire {

inline constexpr char kBinaryRequestMagic = '\x80';
inline constexpr char kBinaryReplyMagic = '\x81';
inline constexpr size_t kBinaryHeaderBytes = 24;

enum class BinaryOpcode : uint8_t {
  kGet = 0x00,
  kSet = 0x01,
  kAdd = 0x02,
  kReplace = 0x03,
  kDelete = 0x04,
  kIncrement = 0x05,
  kDecrement = 0x06,
  kQuit = 0x07,
  kFlush = 0x08,
  kGetQ = 0x09,
  kNoop = 0x0a,
  kVersion = 0x0b,
  kGetK = 0x0c,
  kGetKQ = 0x0d,
  kAppend = 0x0e,
  kPrepend = 0x0f,
  kStat = 0x10,
  kSetQ = 0x11,
  kAddQ = 0x12,
  kReplaceQ = 0x13,
  kDeleteQ = 0x14,
  kIncrementQ = 0x15,
  kDecrementQ = 0x16,
  kQuitQ = 0x17,
  kFlushQ = 0x18,
  kAppendQ = 0x19,
  kPrependQ = 0x1a,
  kTouch = 0x1c,
  kGat = 0x1d,
  kGatQ = 0x1e,
  kGatK = 0x23,
  kGatKQ = 0x24,
};

enum class BinaryStatus : uint16_t {
  kSuccess = 0x00,
  kNotFound = 0x01,
  kExists = 0x02,
  kTooLarge = 0x03,
  kInvalid = 0x04,
  kNotStored = 0x05,
  kAuthError = 0x20,
  kUnknownCommand = 0x81,
  kOutOfMemory = 0x82,
  kNotSupported = 0x83,
  kInternalError = 0x84,
  kBusy = 0x85,
  kTemporaryFailure = 0x86,
};

struct BinaryHeader {
  uint8_t magic = 0;
  uint8_t opcode = 0;
  uint16_t key_bytes = 0;
  uint8_t extras_bytes = 0;
  uint16_t status = 0;  // Of a request: the virtual bucket, which nobody uses.
  uint32_t body_bytes = 0;
  uint32_t opaque = 0;
  uint64_t cas = 0;
};

inline bool IsBinaryRequest(std::string_view bytes) {
  return bytes.size() >= kBinaryHeaderBytes && bytes.front() == kBinaryRequestMagic;
}
inline bool IsBinaryReply(std::string_view bytes) {
  return bytes.size() >= kBinaryHeaderBytes && bytes.front() == kBinaryReplyMagic;
}

BinaryHeader ReadBinaryHeader(std::string_view packet);

// Whether it is a packet at all, and says so.
inline bool HasBinaryStatus(std::string_view reply, BinaryStatus status) {
  return IsBinaryReply(reply) && ReadBinaryHeader(reply).status == static_cast<uint16_t>(status);
}
// A packet that tells of something else than of the item, or of there being none.
inline bool IsBinaryError(std::string_view reply) {
  if (!IsBinaryReply(reply)) return false;
  const auto status = static_cast<BinaryStatus>(ReadBinaryHeader(reply).status);
  return status != BinaryStatus::kSuccess && status != BinaryStatus::kNotFound;
}

// Whose reply a packet is: what a client wants to be told, and what stands for it on the way to the node.
struct BinaryName {
  uint8_t opcode = 0;
  uint32_t opaque = 0;
};
// Writes it into the packet's header.
void RenameBinary(BinaryName name, char* packet);

// Puts the tag into the packet's token or takes it out, which is the same; a packet without a token stays as it is, and
// none loses or gets one.
void RetagBinaryCas(CasTag tag, char* packet);

// Some bits of opcode and opaque, the same for a request and its reply, never 0. See key_mark.h.
uint16_t BinaryMarkOf(std::string_view packet);

// Appends a reply of the proxy's own; key and value may be empty.
void AppendBinaryReply(BinaryName name, BinaryStatus status, std::string_view key, std::string_view value,
                       std::string* out);
// The same with the words that memcached has for the status.
void AppendBinaryError(BinaryName name, BinaryStatus status, std::string* out);

// Requests of the proxy's own.
void AppendBinaryNoop(std::string* out);
void AppendBinaryDelete(uint32_t opaque, std::string_view key, std::string* out);

// What is said in text, as packets: errors, the lines of `stats` with the empty packet behind them, what is said of an
// item that is not there, OK.
void AppendTextAsBinary(std::string_view text, BinaryName name, std::string* out);

}  // namespace ringproxy::wire
