// backends/wire/memcache_binary_request.h – Frames the requests of clients that speak memcached's binary protocol.
//
// Purpose: as memcache_request.h. All of a packet's lengths are judged by its header, before a byte of its body is
// waited for. What the server answers and then closes on is kBad; where it would lose its place (a body behind an
// unknown opcode, more behind a touch than its key) the body is swallowed, or the connection ends.
// Threads: one owner. Lifetime: what it gives out are views into the bytes given, and of itself. `limits` outlives it.
// Promise: constant work, whatever the size of the packet; the result does not depend on how the bytes were cut.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "backends/wire/limits.h"
#include "backends/wire/memcache_binary_command.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

class MemcacheBinaryParser {
 public:
  enum class BinaryFraming : uint8_t {
    kNeedMore,  // needed() bytes at least.
    kRequest,
    kRefused,  // status() is the answer; the connection goes on after size() bytes and swallow() more.
    kBad,      // Likewise, and the connection ends: without a word where status() is kSuccess.
  };

  explicit MemcacheBinaryParser(const Limits& limits) : limits_(limits) {}

  // Frames the packet that starts at bytes[0]. Requires: bytes is not empty.
  BinaryFraming Parse(std::string_view bytes);

  size_t needed() const { return needed_; }
  size_t size() const { return size_; }
  uint64_t swallow() const { return swallow_; }
  BinaryStatus status() const { return status_; }

  // After all but kNeedMore of less than a header. `command`: nullptr for an opcode that is none.
  const BinaryHeader& header() const { return header_; }
  const BinaryCommand* command() const { return command_; }
  BinaryName name() const { return {header_.opcode, header_.opaque}; }
  // After kRequest, and after kRefused where the status is kTooLarge. The arguments of the request are the opcode and
  // the key.
  std::string_view key() const { return key_; }
  std::string_view extras() const { return extras_; }
  Request request() const { return {encoded_, arguments_}; }
  // After kNeedMore beyond a header: whether the key is here.
  bool has_key() const { return !key_.empty(); }
  // After all but kBad: of the value, which may be still to come.
  uint64_t value_bytes() const { return header_.body_bytes - header_.extras_bytes - header_.key_bytes; }

 private:
  bool HasSoundParts() const;
  BinaryFraming End(BinaryFraming framing, BinaryStatus status, uint64_t swallow = 0);

  const Limits& limits_;
  BinaryHeader header_{};
  const BinaryCommand* command_ = nullptr;
  std::string_view encoded_;
  std::string_view key_;
  std::string_view extras_;
  std::array<ArgumentSpan, 2> arguments_{};
  size_t needed_ = 0;
  size_t size_ = 0;
  uint64_t swallow_ = 0;
  BinaryStatus status_ = BinaryStatus::kSuccess;
};

}  // namespace ringproxy::wire
