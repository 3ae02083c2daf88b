// backends/wire/resp_reply.h – Frames a node's replies, and reads the few that the proxy has to understand.
//
// Purpose: finds where one reply ends; all types of RESP2 and RESP3, nested as deep as they like (a counter, no stack,
// but for streamed aggregates, which no server sends: few of those). A push (`>`) is told from a reply wherever it
// stands; an attribute (`|`) belongs to the frame behind it, be it a push, and both are one.
// Most replies are passed on unread; the readers below serve the merging of split commands and the handshake.
// Threads: one owner; the readers are pure functions. Lifetime: readers return views into the reply.
// Promise: the work is linear in the bytes, however they are cut; nothing here allocates. The readers accept any bytes
// that a RespReplyFramer called a reply.
#pragma once

#include <array>
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
  void MovePushesFirst(char* bytes) override;
  bool is_push() const override { return in_progress_ && nature_.is_push; }

 private:
  // Streamed values that stand in one another.
  static constexpr size_t kMostStreams = 8;

  // The number in an aggregate's or a block's first line.
  struct CountLine {
    size_t after = 0;  // Where the next line begins.
    uint64_t count = 0;
    bool is_nil = false;
    bool is_streamed = false;  // A `?`: a last part will say that it was the last.
  };
  // What is known of the frame from what is framed of it.
  struct Nature {
    bool is_push = false;       // As a whole.
    bool has_pushes = false;    // Between its parts.
    bool is_aggregate = false;  // Its own value has begun, and what follows are parts of it.
    bool in_string = false;     // The innermost streamed value is a string.
  };

  void Begin();
  bool is_whole() const { return pending_ == 0 && streams_ == 0; }
  // What begins now is the frame's own value, and not a part of it or of its attributes.
  bool is_own_value() const { return pending_ == 1 && streams_ == 0 && !nature_.is_aggregate; }
  // What is known of the frame from before goes on. Apart, since most replies are a bulk that came whole.
  [[gnu::noinline]] FrameStatus FrameByParts(std::string_view bytes);
  FrameStatus FrameValue(std::string_view bytes);
  FrameStatus FrameInStream(std::string_view bytes);
  FrameStatus FramePart(std::string_view bytes);
  FrameStatus FrameLine(std::string_view bytes);
  FrameStatus FrameCount(std::string_view bytes, CountLine* line);
  FrameStatus FrameBulk(std::string_view bytes, size_t start, uint64_t size);
  FrameStatus BeginAggregate(char type, const CountLine& line);
  FrameStatus BeginStream();

  size_t scanned_ = 0;    // The line at position_ does not end before it.
  uint64_t pending_ = 1;  // Values still to come; of the innermost streamed aggregate, of its element that has begun.
  std::array<uint64_t, kMostStreams> outer_;  // What is pending around each streamed value.
  uint8_t streams_ = 0;                       // That are open.
  Nature nature_;
  bool in_progress_ = false;
};

// All readers require: `reply` is one whole reply.

inline bool IsError(std::string_view reply) {
  return reply.front() == '-' || reply.front() == '!';
}

// Whether a server that says this to EXEC is in no transaction any more: it was executed, or discarded.
bool EndsTransaction(std::string_view reply);

// `$-1`, `*-1` or RESP3's `_`.
bool IsNil(std::string_view reply);

// The value of `:n`; nothing for any other reply.
std::optional<int64_t> IntegerReply(std::string_view reply);

// The bytes of `$n`; nothing for nil and for any other reply.
std::optional<std::string_view> BulkReply(std::string_view reply);

// What stands under `name` in a map, or in an array of names and values; nothing where it does not, or is no text.
std::optional<std::string_view> FieldOf(std::string_view reply, std::string_view name);

// An array, a set or a map (`*`, `~`, `%`): how many elements or pairs it has, and their bytes.
struct AggregateParts {
  char type;
  size_t count;
  std::string_view elements;
};
// Nothing for nil, for what is streamed, and for every other reply.
std::optional<AggregateParts> PartsOf(std::string_view reply);

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
