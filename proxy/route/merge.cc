#include "proxy/route/merge.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "proxy/route/scratch.h"

namespace ringproxy::proxy {
namespace {

// FUNCTION DELETE's.
constexpr std::string_view kNoLibrary = "-ERR Library not found\r\n";

bool AddUp(int64_t a, int64_t b, int64_t* sum) {
  // A sum that has wrapped would be believed.
  return !__builtin_add_overflow(a, b, sum);
}

bool TakeLess(int64_t a, int64_t b, int64_t* less) {
  *less = std::min(a, b);
  return true;
}

std::optional<uint64_t> ParseNodeCursor(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void ReplyMerger::Begin() {
  Recycle(&pieces_);
  Recycle(&readers_);
  Recycle(&expected_);
  text_.clear();
  size_bytes_ = 0;
}

std::span<const std::string_view> ReplyMerger::Merge(wire::Merge merge, std::span<const std::string_view> children,
                                                     std::span<const uint32_t> child_of_key, uint8_t protocol) {
  assert(!children.empty());
  protocol_ = protocol;
  Begin();
  // A library that some node did not have is gone from all.
  const bool is_done = merge == wire::Merge::kAllOk && std::ranges::find(children, "+OK\r\n") != children.end();
  const auto failed = std::ranges::find_if(
      children, [&](std::string_view child) { return wire::IsError(child) && !(is_done && child == kNoLibrary); });
  // Any node's key will do for RANDOMKEY, so a node that fails need not matter; nor to who has ended a script.
  const bool is_any = merge == wire::Merge::kAnyNonNil || merge == wire::Merge::kAnyOk;
  if (failed != children.end() && !is_any) {
    ReplaceBy(*failed);
    return pieces_;
  }
  switch (merge) {
    case wire::Merge::kNone: assert(children.size() == 1); [[fallthrough]];
    case wire::Merge::kFirst: ReplaceBy(children.front()); break;
    case wire::Merge::kInKeyOrder: MergeInKeyOrder(children, child_of_key, false); break;
    case wire::Merge::kOwnInKeyOrder: MergeInKeyOrder(children, child_of_key, true); break;
    case wire::Merge::kSum: MergeIntegers(children, AddUp); break;
    case wire::Merge::kLeast: MergeIntegers(children, TakeLess); break;
    case wire::Merge::kAllOk: MergeAllOk(children); break;
    case wire::Merge::kConcat: MergeConcat(children); break;
    case wire::Merge::kEveryElementAnd: MergeEveryElementAnd(children); break;
    case wire::Merge::kAnyNonNil: MergeAnyNonNil(children); break;
    case wire::Merge::kAnyOk: MergeAnyOk(children); break;
    case wire::Merge::kNextCursor:  // ReplaceCursor's.
    case wire::Merge::kValues:
    case wire::Merge::kStatistics:
    case wire::Merge::kSettings:
    case wire::Merge::kConnections:
    case wire::Merge::kAgreed:
    case wire::Merge::kUntagCas:
    case wire::Merge::kInstead: assert(false);  // MemcacheMerger's.
  }
  return pieces_;
}

std::span<const std::string_view> ReplyMerger::ReplaceCursor(std::string_view reply, ScanTurn turn) {
  Begin();
  wire::ArrayReader reader(reply);
  if (wire::IsError(reply)) {
    Add(reply);
  } else if (!reader.is_array() || reader.remaining() != 2) {
    BadReply();
  } else {
    const std::optional<std::string_view> text = wire::BulkReply(reader.Next());
    const std::optional<uint64_t> cursor = text ? ParseNodeCursor(*text) : std::nullopt;
    const std::optional<uint64_t> next = cursor ? ClientCursor(*cursor, turn) : std::nullopt;
    if (!cursor || !wire::ArrayReader(reader.rest()).is_array()) {
      BadReply();
    } else if (!next) {
      Add("-ERR node cursor too large\r\n");
    } else {
      wire::AppendArrayHeader(2, &text_);
      wire::AppendBulk(std::to_string(*next), &text_);
      Add(text_);
      Add(reader.rest());
    }
  }
  return pieces_;
}

void ReplyMerger::Add(std::string_view piece) {
  pieces_.push_back(piece);
  size_bytes_ += piece.size();
}

void ReplyMerger::AddValue(std::string_view value) {
  Add(!wire::IsNil(value) ? value : protocol_ == 2 ? "$-1\r\n" : "_\r\n");
}

void ReplyMerger::ReplaceBy(std::string_view reply) {
  pieces_.clear();
  size_bytes_ = 0;
  Add(reply);
}

void ReplyMerger::BadReply() {
  text_.clear();
  wire::AppendRedisError({wire::ErrorCode::kBadReply}, &text_);
  ReplaceBy(text_);
}

void ReplyMerger::AddArrayHeader(size_t count) {
  wire::AppendArrayHeader(count, &text_);
  Add(text_);
}

// One reader a child; false, with the reply already made, when a child's reply is no array.
bool ReplyMerger::ReadArrays(std::span<const std::string_view> children) {
  for (const std::string_view child : children) {
    if (!readers_.emplace_back(child).is_array()) {
      BadReply();
      return false;
    }
  }
  return true;
}

void ReplyMerger::MergeInKeyOrder(std::span<const std::string_view> children, std::span<const uint32_t> child_of_key,
                                  bool has_own_errors) {
  if (!ReadArrays(children)) return;
  expected_.resize(children.size());
  for (const uint32_t child : child_of_key) ++expected_[child];
  for (size_t i = 0; i < children.size(); ++i) {
    // With an element too few or too many nobody could tell which keys the others belong to.
    if (readers_[i].remaining() != expected_[i]) return BadReply();
  }
  AddArrayHeader(child_of_key.size());
  for (const uint32_t child : child_of_key) {
    const std::string_view element = readers_[child].Next();
    // An error in place of a value: many clients cannot read one there (semantics.md 1).
    if (wire::IsError(element) && !has_own_errors) return ReplaceBy(element);
    AddValue(element);
  }
}

void ReplyMerger::MergeIntegers(std::span<const std::string_view> children,
                                bool (*combine)(int64_t a, int64_t b, int64_t* both)) {
  std::optional<int64_t> merged;
  for (const std::string_view child : children) {
    const std::optional<int64_t> value = wire::IntegerReply(child);
    if (!value) return BadReply();
    if (!merged) {
      merged = value;
    } else if (!combine(*merged, *value, &*merged)) {
      return BadReply();
    }
  }
  wire::AppendInteger(*merged, &text_);
  Add(text_);
}

void ReplyMerger::MergeAllOk(std::span<const std::string_view> children) {
  const bool all_ok =
      std::ranges::all_of(children, [](std::string_view child) { return child == "+OK\r\n" || child == kNoLibrary; });
  if (!all_ok) return BadReply();
  Add("+OK\r\n");
}

void ReplyMerger::MergeConcat(std::span<const std::string_view> children) {
  size_t count = 0;
  char type = 0;
  for (const std::string_view child : children) {
    const std::optional<wire::AggregateParts> parts = wire::PartsOf(child);
    if (!parts) return BadReply();
    if (type == 0) type = parts->type;
    // Sets and arrays of the same values; the pairs of a map would be none of an array's.
    if (parts->type != type && (parts->type == '%' || type == '%')) return BadReply();
    if (parts->type != type) type = '*';
    count += parts->count;
  }
  if (type == '%') {
    wire::AppendMapHeader(count, 3, &text_);
  } else {
    wire::AppendSetHeader(count, type == '~' ? 3 : 2, &text_);
  }
  Add(text_);
  for (const std::string_view child : children) {
    const std::string_view elements = wire::PartsOf(child)->elements;
    if (!elements.empty()) Add(elements);
  }
}

void ReplyMerger::MergeEveryElementAnd(std::span<const std::string_view> children) {
  if (!ReadArrays(children)) return;
  const size_t count = readers_.front().remaining();
  for (const wire::ArrayReader& reader : readers_) {
    if (reader.remaining() != count) return BadReply();
  }
  wire::AppendArrayHeader(count, &text_);
  for (size_t i = 0; i < count; ++i) {
    int64_t everywhere = 1;
    for (wire::ArrayReader& reader : readers_) {
      const std::optional<int64_t> value = wire::IntegerReply(reader.Next());
      if (!value || (*value != 0 && *value != 1)) return BadReply();
      everywhere &= *value;
    }
    wire::AppendInteger(everywhere, &text_);
  }
  // Added only when it is whole: pieces are views, and a text that grows may move.
  Add(text_);
}

void ReplyMerger::MergeAnyNonNil(std::span<const std::string_view> children) {
  const std::string_view* failed = nullptr;
  for (const std::string_view& child : children) {
    if (wire::IsError(child)) {
      if (failed == nullptr) failed = &child;
    } else if (wire::BulkReply(child)) {
      return ReplaceBy(child);
    } else if (!wire::IsNil(child)) {
      return BadReply();
    }
  }
  // A nil says that the whole fleet is empty, which nobody knows while a node fails.
  AddValue(failed != nullptr ? *failed : children.front());
}

// UNKILLABLE says what to do next. That a node has nothing to end is believed for all only when each of them says so.
void ReplyMerger::MergeAnyOk(std::span<const std::string_view> children) {
  const auto begins = [&](std::string_view word) {
    return std::ranges::find_if(children, [word](std::string_view child) { return child.starts_with(word); });
  };
  const auto is_news = [](std::string_view child) { return !child.starts_with("-NOTBUSY"); };
  auto told = begins("+OK\r\n");
  if (told == children.end()) told = begins("-UNKILLABLE");
  if (told == children.end()) told = std::ranges::find_if(children, is_news);
  if (told == children.end()) told = children.begin();
  const bool fits = wire::IsError(*told) || *told == "+OK\r\n";
  fits ? ReplaceBy(*told) : BadReply();
}

}  // namespace ringproxy::proxy
