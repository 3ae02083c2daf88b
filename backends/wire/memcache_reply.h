// backends/wire/memcache_reply.h – Frames a memcached node's replies, and reads those that the proxy has to understand.
//
// A reply says by its first word how it ends: VALUE, STAT and ITEM lines go on until another line (END or an error), VA
// has one data block, everything else is one line. Threads: one owner; the readers are pure. Lifetime: readers return
// views into the reply. Promise: as reply_framer.h. The readers accept any bytes that the framer called a reply.
#pragma once

#include <optional>
#include <string_view>

#include "backends/wire/reply_framer.h"

namespace ringproxy::wire {

class MemcacheReplyFramer final : public ReplyFramer {
 public:
  FrameStatus Frame(std::string_view bytes) override;
  Fault FaultOf(std::string_view reply) const override { return MemcacheFault(reply); }
  void Reset() override { in_progress_ = skipped_last_ = false; }
  uint64_t Skip() override;
  // Its servers send none.
  void MovePushesFirst(char*) override {}
  bool is_push() const override { return false; }

 private:
  enum class Part : uint8_t { kLast, kMoreFollow, kNeedMore, kBad };
  // The line or the item at position_.
  Part FramePart(std::string_view bytes);

  size_t scanned_ = 0;  // The line at position_ does not end before it.
  bool in_progress_ = false;
  bool block_is_last_ = false;  // Nothing of the reply follows the unfinished block.
  bool skipped_last_ = false;   // The reply ends where the skipped part does.
};

// ERROR, CLIENT_ERROR or SERVER_ERROR.
bool IsMemcacheError(std::string_view reply);

// One item of a get: `VALUE key flags bytes [cas]\r\n` and its data block.
struct MemcacheValue {
  std::string_view whole;
  std::string_view key;
  std::string_view head;  // `VALUE key flags bytes`, without the cas token
  std::string_view cas;   // Empty without one.
  std::string_view data;  // The data block with both of its line ends: "\r\nhello\r\n".
};

// The items of a get's reply, one after another.
class ValueReader {
 public:
  ValueReader() = default;
  explicit ValueReader(std::string_view reply) : rest_(reply) {}

  // The next item, which stays the same until Advance; nothing when only the last line is left.
  const std::optional<MemcacheValue>& Peek();
  void Advance();
  // The last line: END, or what the node said instead. Requires: Peek() is empty.
  std::string_view last_line() const { return rest_; }

 private:
  std::string_view rest_;
  std::optional<MemcacheValue> next_;
};

// Takes the next word off `line`; empty at its end.
std::string_view TakeWord(std::string_view* line);
// Takes the next line off `text`, without its end.
std::string_view TakeLine(std::string_view* text);

}  // namespace ringproxy::wire
