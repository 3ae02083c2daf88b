// backends/wire/resp_reply.h – Frames a node's replies, and reads the few that the proxy has to understand.
//
// Purpose: finds where one reply ends; all types of RESP2 and RESP3, nested as deep as they like (a counter, no stack).
// Most replies are passed on unread; the readers below serve the merging of split commands and the handshake.
// Threads: one owner; the readers are pure functions. Lifetime: readers return views into the reply.
// Promise: the work is linear in the bytes, however they are cut; nothing here allocates. The readers accept any bytes
// that a RespReplyFramer called a reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/wire/limits.h"
#include "backends/wire/reply_framer.h"

namespace ringproxy::wire {

class RespReplyFramer final : public ReplyFramer {
 public:
  FrameStatus Frame(std::string_view bytes) override;
  Fault FaultOf(std::string_view reply) const override { return RedisFault(reply); }
  void Reset() override { in_progress_ = false; }
  uint64_t Skip() override;

 private:
  FrameStatus FrameValue(std::string_view bytes);
  FrameStatus FrameLine(std::string_view bytes);
  FrameStatus FrameCount(std::string_view bytes, size_t* after, uint64_t* count, bool* nil);
  FrameStatus FrameBulk(std::string_view bytes, size_t start, uint64_t size);

  size_t scanned_ = 0;    // The line at position_ does not end before it.
  uint64_t pending_ = 1;  // Values still to come.
  bool in_progress_ = false;
};

// All readers require: `reply` is one whole reply.

inline bool IsError(std::string_view reply) {
  return reply.front() == '-' || reply.front() == '!';
}

// `$-1`, `*-1` or RESP3's `_`.
bool IsNil(std::string_view reply);

// The value of `:n`; nothing for any other reply.
std::optional<int64_t> IntegerReply(std::string_view reply);

// The bytes of `$n`; nothing for nil and for any other reply.
std::optional<std::string_view> BulkReply(std::string_view reply);

// The elements of an array, one after another.
class ArrayReader {
 public:
  ArrayReader() = default;
  explicit ArrayReader(std::string_view reply);

  // False for a nil array and every other type; there are no elements then.
  bool is_array() const { return is_array_; }
  size_t remaining() const { return remaining_; }
  // The next element, itself a whole reply. Requires: remaining() > 0.
  std::string_view Next();
  // The bytes of all elements not yet read.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  size_t remaining_ = 0;
  bool is_array_ = false;
};

}  // namespace ringproxy::wire
