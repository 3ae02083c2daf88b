// backends/wire/resp_reply.h – Frames a node's replies, and reads the few that the proxy has to understand.
//
// Purpose: finds where one reply ends; all types of RESP2 and RESP3, nested as deep as they like (a counter, no stack).
// Most replies are passed on unread; the readers below serve the merging of split commands and the handshake.
// Threads: one owner; the readers are pure functions. Lifetime: readers return views into the reply.
// Promise: the work is linear in the bytes, however they are cut; nothing here allocates. The readers accept any bytes
// that a ReplyFramer called a reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "backends/wire/limits.h"

namespace ringproxy::wire {

class ReplyFramer {
 public:
  enum class Status : uint8_t { kNeedMore, kReply, kBad };

  // Frames the reply that starts at bytes[0]. After kNeedMore call again with the same bytes plus more (they may have
  // moved); after anything else the next call starts a new reply.
  Status Frame(std::string_view bytes);

  // After kReply: its bytes.
  size_t size() const { return position_; }
  // After kNeedMore: the least size of this reply as far as it is known, more than was given.
  size_t bytes_needed() const { return needed_; }

  // Forgets a half framed reply.
  void Reset() { *this = ReplyFramer(); }

 private:
  Status FrameValue(std::string_view bytes);
  Status FrameLine(std::string_view bytes);
  Status FrameCount(std::string_view bytes, size_t* after, uint64_t* count, bool* nil);
  Status FrameBulk(std::string_view bytes, size_t start, uint64_t size);
  Status NeedMore(size_t least);

  size_t position_ = 0;  // Where the next unframed value starts.
  size_t needed_ = 0;
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
