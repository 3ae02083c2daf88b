#include "backends/wire/resp_reply.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "backends/wire/ascii.h"
#include "backends/wire/integer.h"

namespace ringproxy::wire {
namespace {

enum class Kind : uint8_t {
  kNone,       // No reply starts like this.
  kLine,       // The whole value stands before the line's end.
  kBulk,       // The line says how many bytes follow; a line end comes after them.
  kArray,      // The line says how many values follow.
  kMap,        // Twice as many values follow as the line says.
  kAttribute,  // A map follows, and then the value that it belongs to.
};

constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> kinds{};
  for (const unsigned char c : std::string_view("+-:_#,(")) kinds[c] = Kind::kLine;
  for (const unsigned char c : std::string_view("$!=")) kinds[c] = Kind::kBulk;
  for (const unsigned char c : std::string_view("*~>")) kinds[c] = Kind::kArray;
  kinds['%'] = Kind::kMap;
  kinds['|'] = Kind::kAttribute;
  return kinds;
}();

Kind KindOf(char type) {
  return kKinds[static_cast<unsigned char>(type)];
}

}  // namespace

ReplyFramer::Status RespReplyFramer::Frame(std::string_view bytes) {
  if (!in_progress_) {
    position_ = scanned_ = 0;
    pending_ = needed_ = 1;
    in_progress_ = true;
  }
  if (bytes.size() < needed_) return Status::kNeedMore;
  unfinished_block_ = 0;
  Status status = Status::kReply;
  while (pending_ > 0 && status == Status::kReply) {
    status = position_ < bytes.size() ? FrameValue(bytes) : NeedMore(position_ + 1);
  }
  in_progress_ = status == Status::kNeedMore;
  return status;
}

// Frames one line, one bulk, or the header of an aggregate, whose values are then added to those still to come.
ReplyFramer::Status RespReplyFramer::FrameValue(std::string_view bytes) {
  const Kind kind = KindOf(bytes[position_]);
  if (kind == Kind::kLine) return FrameLine(bytes);
  if (kind == Kind::kNone) return Status::kBad;
  uint64_t count = 0;
  bool nil = false;
  size_t after = position_;
  const Status status = FrameCount(bytes, &after, &count, &nil);
  if (status != Status::kReply) return status;
  if (kind == Kind::kBulk && !nil) return FrameBulk(bytes, after, count);
  position_ = after;
  if (kind == Kind::kMap || kind == Kind::kAttribute) count *= 2;
  if (kind != Kind::kAttribute) --pending_;
  pending_ += count;
  return pending_ <= kMostReplyValues ? Status::kReply : Status::kBad;
}

ReplyFramer::Status RespReplyFramer::FrameLine(std::string_view bytes) {
  const size_t end = bytes.find('\r', std::max(position_ + 1, scanned_));
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    return NeedMore(bytes.size() + 1);
  }
  scanned_ = end;
  if (end + kLineEnd.size() > bytes.size()) return NeedMore(end + kLineEnd.size());
  if (bytes[end + 1] != '\n') return Status::kBad;
  position_ = end + kLineEnd.size();
  --pending_;
  return Status::kReply;
}

// Reads the line of a count at position_. It is short, so after kNeedMore it is simply read again.
ReplyFramer::Status RespReplyFramer::FrameCount(std::string_view bytes, size_t* after, uint64_t* count, bool* nil) {
  const char* const plain_end = ReadPlainCount(bytes.data() + position_ + 1, bytes.data() + bytes.size(), count);
  if (plain_end != nullptr) {
    *after = static_cast<size_t>(plain_end - bytes.data());
    return *count <= kLargestReplyBulk ? Status::kReply : Status::kBad;
  }
  const std::string_view window = bytes.substr(position_, kLongestCountLine);
  const size_t end = window.find('\r');
  if (end == std::string_view::npos) {
    return window.size() < kLongestCountLine ? NeedMore(bytes.size() + 1) : Status::kBad;
  }
  *after = position_ + end + kLineEnd.size();
  if (*after > bytes.size()) return NeedMore(*after);
  *nil = window.substr(1, end - 1) == "-1" && (window.front() == '$' || window.front() == '*');
  return *nil && bytes[*after - 1] == '\n' ? Status::kReply : Status::kBad;
}

ReplyFramer::Status RespReplyFramer::FrameBulk(std::string_view bytes, size_t start, uint64_t size) {
  const size_t end = start + size + kLineEnd.size();
  if (end > bytes.size()) {
    unfinished_block_ = end;
    return NeedMore(end);
  }
  if (bytes[end - 2] != '\r' || bytes[end - 1] != '\n') return Status::kBad;
  position_ = end;
  --pending_;
  return Status::kReply;
}

uint64_t RespReplyFramer::Skip() {
  const size_t skipped = std::max(position_, unfinished_block_);
  if (skipped == 0) return 0;
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
  if (KindOf(reply.front()) != Kind::kArray) return;
  const char* const start = ReadPlainCount(reply.data() + 1, reply.data() + reply.size(), &count);
  if (start == nullptr) return;
  is_array_ = true;
  remaining_ = count;
  rest_ = reply.substr(static_cast<size_t>(start - reply.data()));
}

std::string_view ArrayReader::Next() {
  assert(remaining_ > 0);
  RespReplyFramer framer;
  const ReplyFramer::Status status = framer.Frame(rest_);
  assert(status == ReplyFramer::Status::kReply);
  const std::string_view element = rest_.substr(0, framer.size());
  rest_.remove_prefix(element.size());
  --remaining_;
  return element;
}

}  // namespace ringproxy::wire
