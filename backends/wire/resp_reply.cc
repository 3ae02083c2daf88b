#include "backends/wire/resp_reply.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <string>
#include <utility>

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
  kPush,       // As an array, and no value of whatever it stands in.
};

constexpr std::array<ReplyKind, 256> kKinds = [] {
  std::array<ReplyKind, 256> kinds{};
  // RESP3's types too (semantics.md 17): one that is not known here would lose the place in the stream.
  for (const unsigned char c : std::string_view("+-:_#,(")) kinds[c] = ReplyKind::kLine;
  for (const unsigned char c : std::string_view("$!=")) kinds[c] = ReplyKind::kBulk;
  for (const unsigned char c : std::string_view("*~")) kinds[c] = ReplyKind::kArray;
  kinds['%'] = ReplyKind::kMap;
  kinds['|'] = ReplyKind::kAttribute;
  kinds['>'] = ReplyKind::kPush;
  return kinds;
}();

ReplyKind KindOf(char type) {
  return kKinds[static_cast<unsigned char>(type)];
}

// Takes the first of the values that `rest` begins with.
std::string_view TakeValue(std::string_view* rest) {
  RespReplyFramer framer;
  const ReplyFramer::FrameStatus status = framer.Frame(*rest);
  assert(status == ReplyFramer::FrameStatus::kReply);
  const std::string_view value = rest->substr(0, framer.size());
  rest->remove_prefix(value.size());
  return value;
}

// The size of a status, a number or an error that `bytes` begins with and has whole; 0 for one that is not.
size_t WholeLine(std::string_view bytes) {
  const size_t end = bytes.find('\r');
  return end != std::string_view::npos && bytes.substr(end).starts_with(kLineEnd) ? end + kLineEnd.size() : 0;
}

// The size of a bulk or a line that `bytes` begins with and has whole, as nearly all replies are; 0 for anything else.
[[gnu::always_inline]] inline size_t WholePlainValue(std::string_view bytes) {
  uint64_t size = 0;
  if (bytes.empty()) return 0;
  if (bytes.front() != '$') return KindOf(bytes.front()) == ReplyKind::kLine ? WholeLine(bytes) : 0;
  const char* const start = ReadPlainCount(bytes.data() + 1, bytes.data() + bytes.size(), &size);
  if (start == nullptr) return 0;
  const auto head = static_cast<size_t>(start - bytes.data());
  if (bytes.size() < head + kLineEnd.size() || size > bytes.size() - head - kLineEnd.size()) return 0;
  const size_t end = head + size;
  return IsLineEnd(bytes.data() + end) ? end + kLineEnd.size() : 0;
}

std::optional<std::string_view> TextOf(std::string_view value) {
  if (value.front() == '+') return value.substr(1, value.size() - 1 - kLineEnd.size());
  return BulkReply(value);
}

}  // namespace

void RespReplyFramer::Begin() {
  position_ = scanned_ = 0;
  pending_ = needed_ = 1;
  streams_ = 0;
  nature_ = {};
  in_progress_ = true;
}

ReplyFramer::FrameStatus RespReplyFramer::Frame(std::string_view bytes) {
  if (!in_progress_) {
    position_ = WholePlainValue(bytes);
    if (position_ > 0) return FrameStatus::kReply;
    Begin();
  }
  return FrameByParts(bytes);
}

ReplyFramer::FrameStatus RespReplyFramer::FrameByParts(std::string_view bytes) {
  if (bytes.size() < needed_) return FrameStatus::kNeedMore;
  unfinished_block_ = 0;
  FrameStatus status = FrameStatus::kReply;
  // The number of values still to come takes the place of a stack, so that no depth of nesting costs anything.
  while (!is_whole() && status == FrameStatus::kReply) {
    status = position_ < bytes.size() ? FrameValue(bytes) : NeedMore(position_ + 1);
  }
  in_progress_ = status == FrameStatus::kNeedMore;
  if (status != FrameStatus::kReply) return status;
  if (nature_.is_push) return FrameStatus::kPush;
  return nature_.has_pushes ? FrameStatus::kMixed : FrameStatus::kReply;
}

// Frames one line, one bulk, or the header of an aggregate, whose values are then added to those still to come.
ReplyFramer::FrameStatus RespReplyFramer::FrameValue(std::string_view bytes) {
  if (streams_ > 0 && pending_ == 0) [[unlikely]]
    return FrameInStream(bytes);
  const ReplyKind kind = KindOf(bytes[position_]);
  if (kind == ReplyKind::kLine) return FrameLine(bytes);
  if (kind == ReplyKind::kNone) return FrameStatus::kBad;
  // Before its size is known, or what has come of it would be taken for a reply.
  if (kind == ReplyKind::kPush && is_own_value()) nature_.is_push = true;
  CountLine line;
  const FrameStatus status = FrameCount(bytes, &line);
  if (status != FrameStatus::kReply) return status;
  if (kind != ReplyKind::kBulk) return BeginAggregate(bytes[position_], line);
  if (!line.is_nil && !line.is_streamed) return FrameBulk(bytes, line.after, line.count);
  // No errors are streamed, nor texts with a format.
  if (line.is_streamed && bytes[position_] != '$') return FrameStatus::kBad;
  position_ = line.after;
  --pending_;
  if (!line.is_streamed) return FrameStatus::kReply;
  nature_.in_string = true;
  return BeginStream();
}

ReplyFramer::FrameStatus RespReplyFramer::BeginStream() {
  if (streams_ == kMostStreams) return FrameStatus::kBad;
  outer_[streams_++] = std::exchange(pending_, 0);
  return FrameStatus::kReply;
}

ReplyFramer::FrameStatus RespReplyFramer::BeginAggregate(char type, const CountLine& line) {
  const ReplyKind kind = KindOf(type);
  const bool is_own = is_own_value();
  // Attributes are no values by themselves: the one that they belong to is still to come. Nor is a push that stands
  // between values.
  const bool is_value = kind != ReplyKind::kAttribute && (kind != ReplyKind::kPush || is_own);
  if (kind == ReplyKind::kPush && !is_own) nature_.has_pushes = true;
  if (is_value) {
    nature_.is_aggregate |= is_own;
    --pending_;
  }
  position_ = line.after;
  if (line.is_streamed) return BeginStream();
  const bool has_pairs = kind == ReplyKind::kMap || kind == ReplyKind::kAttribute;
  pending_ += has_pairs ? 2 * line.count : line.count;
  // A count that no server means must not make the sum wrap around.
  return pending_ <= kMostReplyValues ? FrameStatus::kReply : FrameStatus::kBad;
}

// Between two elements of a streamed aggregate: the next one begins, or it ends.
ReplyFramer::FrameStatus RespReplyFramer::FrameInStream(std::string_view bytes) {
  if (nature_.in_string) return FramePart(bytes);
  if (KindOf(bytes[position_]) == ReplyKind::kPush) {
    CountLine line;
    const FrameStatus status = FrameCount(bytes, &line);
    return status == FrameStatus::kReply ? BeginAggregate(bytes[position_], line) : status;
  }
  if (bytes[position_] != '.') {
    pending_ = 1;
    return FrameStatus::kReply;
  }
  constexpr std::string_view kEnd = ".\r\n";
  const std::string_view end = bytes.substr(position_, kEnd.size());
  if (end.size() < kEnd.size()) return NeedMore(position_ + kEnd.size());
  if (end != kEnd) return FrameStatus::kBad;
  position_ += kEnd.size();
  pending_ = outer_[--streams_];
  return FrameStatus::kReply;
}

// A part of a streamed string; one without bytes is the last.
ReplyFramer::FrameStatus RespReplyFramer::FramePart(std::string_view bytes) {
  if (bytes[position_] != ';') return FrameStatus::kBad;
  CountLine line;
  const FrameStatus status = FrameCount(bytes, &line);
  if (status != FrameStatus::kReply) return status;
  if (line.is_streamed) return FrameStatus::kBad;
  if (line.count > 0) return FrameBulk(bytes, line.after, line.count);
  position_ = line.after;
  nature_.in_string = false;
  pending_ = outer_[--streams_];
  return FrameStatus::kReply;
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
ReplyFramer::FrameStatus RespReplyFramer::FrameCount(std::string_view bytes, CountLine* line) {
  const char* const plain_end = ReadPlainCount(bytes.data() + position_ + 1, bytes.data() + bytes.size(), &line->count);
  if (plain_end != nullptr) {
    line->after = static_cast<size_t>(plain_end - bytes.data());
    return line->count <= kLargestReplyBulk ? FrameStatus::kReply : FrameStatus::kBad;
  }
  const std::string_view window = bytes.substr(position_, kLongestCountLine);
  const size_t end = window.find('\r');
  if (end == std::string_view::npos) {
    return window.size() < kLongestCountLine ? NeedMore(bytes.size() + 1) : FrameStatus::kBad;
  }
  line->after = position_ + end + kLineEnd.size();
  if (line->after > bytes.size()) return NeedMore(line->after);
  const std::string_view count = window.substr(1, end - 1);
  // RESP2 knows a nil of these two types only, and RESP3 has another one.
  line->is_nil = count == "-1" && (window.front() == '$' || window.front() == '*');
  line->is_streamed = count == "?";
  line->count = 0;
  const bool is_known = line->is_nil || line->is_streamed;
  return is_known && bytes[line->after - 1] == '\n' ? FrameStatus::kReply : FrameStatus::kBad;
}

ReplyFramer::FrameStatus RespReplyFramer::FrameBulk(std::string_view bytes, size_t start, uint64_t size) {
  const size_t end = start + size + kLineEnd.size();
  if (end > bytes.size()) {
    unfinished_block_ = end;
    return NeedMore(end);
  }
  if (!IsLineEnd(bytes.data() + end - kLineEnd.size())) return FrameStatus::kBad;
  position_ = end;
  // Behind a part of a streamed string another part comes.
  if (!nature_.in_string) --pending_;
  return FrameStatus::kReply;
}

uint64_t RespReplyFramer::Skip() {
  const size_t skipped = std::max(position_, unfinished_block_);
  if (skipped == 0) return 0;
  // The block's last bytes go with what is skipped, so its value counts as framed.
  if (unfinished_block_ > 0 && !nature_.in_string) --pending_;
  position_ = scanned_ = unfinished_block_ = 0;
  needed_ = is_whole() ? 0 : 1;
  return skipped;
}

void RespReplyFramer::MovePushesFirst(char* bytes) {
  const std::string_view frame(bytes, position_);
  std::string pushes;
  std::string reply;
  // It is framed once more, value by value.
  for (Begin(); !is_whole();) {
    const std::string_view rest = frame.substr(position_);
    if (KindOf(rest.front()) == ReplyKind::kPush) {
      RespReplyFramer framer;
      const FrameStatus status = framer.Frame(rest);
      assert(status == FrameStatus::kPush);
      pushes.append(rest.substr(0, framer.size()));
      position_ += framer.size();
      continue;
    }
    const size_t before = position_;
    const FrameStatus status = FrameValue(frame);
    assert(status == FrameStatus::kReply);
    reply.append(frame.substr(before, position_ - before));
  }
  in_progress_ = false;
  std::ranges::copy(pushes, bytes);
  std::ranges::copy(reply, bytes + pushes.size());
}

bool EndsTransaction(std::string_view reply) {
  return reply.starts_with('*') || IsNil(reply) || reply.starts_with("-EXECABORT ") ||
         reply == "-ERR EXEC without MULTI\r\n";
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

std::optional<std::string_view> FieldOf(std::string_view reply, std::string_view name) {
  uint64_t count = 0;
  if (reply.front() != '%' && reply.front() != '*') return std::nullopt;
  const char* const start = ReadPlainCount(reply.data() + 1, reply.data() + reply.size(), &count);
  if (start == nullptr) return std::nullopt;
  std::string_view rest = reply.substr(static_cast<size_t>(start - reply.data()));
  for (uint64_t pairs = reply.front() == '%' ? count : count / 2; pairs > 0; --pairs) {
    const std::string_view key = TakeValue(&rest);
    const std::string_view value = TakeValue(&rest);
    if (TextOf(key) == name) return TextOf(value);
  }
  return std::nullopt;
}

std::optional<AggregateParts> PartsOf(std::string_view reply) {
  uint64_t count = 0;
  const ReplyKind kind = KindOf(reply.front());
  if (kind != ReplyKind::kArray && kind != ReplyKind::kMap) return std::nullopt;
  const char* const start = ReadPlainCount(reply.data() + 1, reply.data() + reply.size(), &count);
  if (start == nullptr) return std::nullopt;
  return AggregateParts{reply.front(), count, reply.substr(static_cast<size_t>(start - reply.data()))};
}

ArrayReader::ArrayReader(std::string_view reply) {
  const std::optional<AggregateParts> parts = PartsOf(reply);
  if (!parts || parts->type == '%') return;
  is_array_ = true;
  remaining_ = parts->count;
  rest_ = parts->elements;
}

std::string_view ArrayReader::Next() {
  assert(remaining_ > 0);
  --remaining_;
  return TakeValue(&rest_);
}

}  // namespace ringproxy::wire
