#include "backends/wire/resp_reply.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "backends/wire/ascii.h"
#include "backends/wire/integer.h"

namespace ringproxy::wire {
namespace {

enum class ReplyKind : uint8_t {
  kNone,       // No reply starts like this.
  kLine,       // The whole value stands before the line's end.
  kBulk,       // The line says how many bytes follow; a line end comes after them.
  kArray,      // The line says how many values follow.
  kMap,        // Twice as many values follow as the line says.
  kAttribute,  // A map follows, and then the value that it belongs to.
};

constexpr std::array<ReplyKind, 256> kKinds = [] {
  std::array<ReplyKind, 256> kinds{};
  // RESP3's types too (semantics.md 17): one that is not known here would lose the place in the stream.
  for (const unsigned char c : std::string_view("+-:_#,(")) kinds[c] = ReplyKind::kLine;
  for (const unsigned char c : std::string_view("$!=")) kinds[c] = ReplyKind::kBulk;
  for (const unsigned char c : std::string_view("*~>")) kinds[c] = ReplyKind::kArray;
  kinds['%'] = ReplyKind::kMap;
  kinds['|'] = ReplyKind::kAttribute;
  return kinds;
}();

ReplyKind KindOf(char type) {
  return kKinds[static_cast<unsigned char>(type)];
}

}  // namespace

ReplyFramer::FrameStatus RespReplyFramer::Frame(std::string_view bytes) {
  if (!in_progress_) {
    position_ = scanned_ = 0;
    pending_ = needed_ = 1;
    in_progress_ = true;
  }
  if (bytes.size() < needed_) return FrameStatus::kNeedMore;
  unfinished_block_ = 0;
  FrameStatus status = FrameStatus::kReply;
  // The number of values still to come takes the place of a stack, so that no depth of nesting costs anything.
  while (pending_ > 0 && status == FrameStatus::kReply) {
    status = position_ < bytes.size() ? FrameValue(bytes) : NeedMore(position_ + 1);
  }
  in_progress_ = status == FrameStatus::kNeedMore;
  return status;
}

// Frames one line, one bulk, or the header of an aggregate, whose values are then added to those still to come.
ReplyFramer::FrameStatus RespReplyFramer::FrameValue(std::string_view bytes) {
  const ReplyKind kind = KindOf(bytes[position_]);
  if (kind == ReplyKind::kLine) return FrameLine(bytes);
  if (kind == ReplyKind::kNone) return FrameStatus::kBad;
  uint64_t count = 0;
  bool nil = false;
  size_t after = position_;
  const FrameStatus status = FrameCount(bytes, &after, &count, &nil);
  if (status != FrameStatus::kReply) return status;
  if (kind == ReplyKind::kBulk && !nil) return FrameBulk(bytes, after, count);
  position_ = after;
  if (kind == ReplyKind::kMap || kind == ReplyKind::kAttribute) count *= 2;
  // An attribute is no value by itself: the one that it belongs to is still to come.
  if (kind != ReplyKind::kAttribute) --pending_;
  pending_ += count;
  // A count that no server means must not make the sum wrap around.
  return pending_ <= kMostReplyValues ? FrameStatus::kReply : FrameStatus::kBad;
}

ReplyFramer::FrameStatus RespReplyFramer::FrameLine(std::string_view bytes) {
  const size_t end = bytes.find('\r', std::max(position_ + 1, scanned_));
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    return NeedMore(bytes.size() + 1);
  }
  scanned_ = end;
  if (end + kLineEnd.size() > bytes.size()) return NeedMore(end + kLineEnd.size());
  if (bytes[end + 1] != '\n') return FrameStatus::kBad;
  position_ = end + kLineEnd.size();
  --pending_;
  return FrameStatus::kReply;
}

// Reads the line of a count at position_. It is short, so after kNeedMore it is simply read again.
ReplyFramer::FrameStatus RespReplyFramer::FrameCount(std::string_view bytes, size_t* after, uint64_t* count,
                                                     bool* nil) {
  const char* const plain_end = ReadPlainCount(bytes.data() + position_ + 1, bytes.data() + bytes.size(), count);
  if (plain_end != nullptr) {
    *after = static_cast<size_t>(plain_end - bytes.data());
    return *count <= kLargestReplyBulk ? FrameStatus::kReply : FrameStatus::kBad;
  }
  const std::string_view window = bytes.substr(position_, kLongestCountLine);
  const size_t end = window.find('\r');
  if (end == std::string_view::npos) {
    return window.size() < kLongestCountLine ? NeedMore(bytes.size() + 1) : FrameStatus::kBad;
  }
  *after = position_ + end + kLineEnd.size();
  if (*after > bytes.size()) return NeedMore(*after);
  // RESP2 knows a nil of these two types only, and RESP3 has another one.
  *nil = window.substr(1, end - 1) == "-1" && (window.front() == '$' || window.front() == '*');
  return *nil && bytes[*after - 1] == '\n' ? FrameStatus::kReply : FrameStatus::kBad;
}

ReplyFramer::FrameStatus RespReplyFramer::FrameBulk(std::string_view bytes, size_t start, uint64_t size) {
  const size_t end = start + size + kLineEnd.size();
  if (end > bytes.size()) {
    unfinished_block_ = end;
    return NeedMore(end);
  }
  if (bytes[end - 2] != '\r' || bytes[end - 1] != '\n') return FrameStatus::kBad;
  position_ = end;
  --pending_;
  return FrameStatus::kReply;
}

uint64_t RespReplyFramer::Skip() {
  const size_t skipped = std::max(position_, unfinished_block_);
  if (skipped == 0) return 0;
  // The block's last bytes go with what is skipped, so its value counts as framed.
  if (unfinished_block_ > 0) --pending_;
  position_ = scanned_ = unfinished_block_ = 0;
  needed_ = pending_ > 0 ? 1 : 0;
  return skipped;
}

bool IsNil(std::string_view reply) {
  return reply == "$-1\r\n" || reply == "*-1\r\n" || reply == "_\r\n";
}

std::optional<int64_t> IntegerReply(std::string_view reply) {
  if (reply.front() != ':') return std::nullopt;
  return ParseInteger(reply.substr(1, reply.size() - 1 - kLineEnd.size()));
}

std::optional<std::string_view> BulkReply(std::string_view reply) {
  uint64_t size = 0;
  if (reply.front() != '$') return std::nullopt;
  const char* const start = ReadPlainCount(reply.data() + 1, reply.data() + reply.size(), &size);
  if (start == nullptr) return std::nullopt;
  return std::string_view(start, size);
}

ArrayReader::ArrayReader(std::string_view reply) {
  uint64_t count = 0;
  if (KindOf(reply.front()) != ReplyKind::kArray) return;
  const char* const start = ReadPlainCount(reply.data() + 1, reply.data() + reply.size(), &count);
  if (start == nullptr) return;
  is_array_ = true;
  remaining_ = count;
  rest_ = reply.substr(static_cast<size_t>(start - reply.data()));
}

std::string_view ArrayReader::Next() {
  assert(remaining_ > 0);
  RespReplyFramer framer;
  const ReplyFramer::FrameStatus status = framer.Frame(rest_);
  assert(status == ReplyFramer::FrameStatus::kReply);
  const std::string_view element = rest_.substr(0, framer.size());
  rest_.remove_prefix(element.size());
  --remaining_;
  return element;
}

}  // namespace ringproxy::wire
