#include "backends/wire/memcache_reply.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <utility>

#include "backends/wire/ascii.h"
#include "backends/wire/limits.h"

namespace ringproxy::wire {
namespace {

// A longer line comes from no memcached server.
constexpr size_t kLongestLine = 64 << 10;

std::optional<uint64_t> Size(std::string_view word) {
  uint64_t size = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), size);
  const bool whole = error == std::errc() && end == word.data() + word.size();
  // The bound keeps the sums of positions and sizes far from an overflow.
  return whole && size <= kLargestReplyBulk ? std::optional(size) : std::nullopt;
}

// The size of the data block behind `line`; nothing if there is none, as in "VA x".
std::optional<uint64_t> BlockSize(std::string_view line) {
  const bool is_value = HasPrefix(line, "VALUE ");
  TakeWord(&line);
  if (is_value) {
    TakeWord(&line);  // The key and its flags.
    TakeWord(&line);
  }
  return Size(TakeWord(&line));
}

}  // namespace

std::string_view TakeWord(std::string_view* line) {
  line->remove_prefix(std::min(line->find_first_not_of(' '), line->size()));
  const std::string_view word = line->substr(0, line->find(' '));
  line->remove_prefix(word.size());
  return word;
}

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  // Lines of requests come here as well, and memcached lets those end by \n alone.
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

ReplyFramer::FrameStatus MemcacheReplyFramer::Frame(std::string_view bytes) {
  if (!in_progress_) {
    position_ = scanned_ = 0;
    needed_ = 1;
    in_progress_ = true;
  }
  if (bytes.size() < needed_) return FrameStatus::kNeedMore;
  unfinished_block_ = 0;
  // What was skipped ended the reply, so no byte is left to look at.
  if (std::exchange(skipped_last_, false)) {
    in_progress_ = false;
    return FrameStatus::kReply;
  }
  Part part = Part::kMoreFollow;
  while (part == Part::kMoreFollow) part = FramePart(bytes);
  in_progress_ = part == Part::kNeedMore;
  return part == Part::kLast ? FrameStatus::kReply : part == Part::kBad ? FrameStatus::kBad : FrameStatus::kNeedMore;
}

uint64_t MemcacheReplyFramer::Skip() {
  const size_t skipped = std::max(position_, unfinished_block_);
  if (skipped == 0) return 0;
  skipped_last_ = unfinished_block_ > 0 && block_is_last_;
  position_ = scanned_ = unfinished_block_ = 0;
  needed_ = skipped_last_ ? 0 : 1;
  return skipped;
}

MemcacheReplyFramer::Part MemcacheReplyFramer::FramePart(std::string_view bytes) {
  const size_t end = bytes.find('\n', std::max(position_, scanned_));
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    NeedMore(bytes.size() + 1);
    return bytes.size() - position_ > kLongestLine ? Part::kBad : Part::kNeedMore;
  }
  scanned_ = end;
  // memcached ends every line by both characters: anything else means that the place in the stream is lost.
  if (end == position_ || bytes[end - 1] != '\r') return Part::kBad;
  const std::string_view line = bytes.substr(position_, end - 1 - position_);
  const bool is_value = HasPrefix(line, "VALUE ");
  if (is_value || HasPrefix(line, "VA ")) {
    const std::optional<uint64_t> size = BlockSize(line);
    if (!size) return Part::kBad;
    const size_t after = end + 1 + *size + kLineEnd.size();
    if (after > bytes.size()) {
      NeedMore(after);
      unfinished_block_ = after;
      block_is_last_ = !is_value;
      return Part::kNeedMore;
    }
    if (bytes.substr(after - kLineEnd.size(), kLineEnd.size()) != kLineEnd) return Part::kBad;
    position_ = after;
    return is_value ? Part::kMoreFollow : Part::kLast;
  }
  position_ = end + 1;
  return HasPrefix(line, "STAT ") || HasPrefix(line, "ITEM ") ? Part::kMoreFollow : Part::kLast;
}

bool IsMemcacheError(std::string_view reply) {
  return HasPrefix(reply, "ERROR") || HasPrefix(reply, "CLIENT_ERROR") || HasPrefix(reply, "SERVER_ERROR");
}

const std::optional<MemcacheValue>& ValueReader::Peek() {
  if (next_ || !HasPrefix(rest_, "VALUE ")) return next_;
  // The line ends where the framer has ended it: a '\r' alone ends none.
  const size_t end = rest_.find('\n') - 1;
  const std::string_view line = rest_.substr(0, end);
  std::string_view words = line;
  TakeWord(&words);
  MemcacheValue value;
  value.key = TakeWord(&words);
  TakeWord(&words);
  const std::string_view size_word = TakeWord(&words);
  value.head = line.substr(0, static_cast<size_t>(size_word.data() + size_word.size() - line.data()));
  value.cas = TakeWord(&words);
  const std::optional<uint64_t> size = Size(size_word);
  // The framer has read the size from the same line.
  assert(size);
  value.whole = rest_.substr(0, end + kLineEnd.size() + *size + kLineEnd.size());
  value.data = value.whole.substr(end);
  next_ = value;
  return next_;
}

void ValueReader::Advance() {
  assert(next_);
  rest_.remove_prefix(next_->whole.size());
  next_.reset();
}

}  // namespace ringproxy::wire
