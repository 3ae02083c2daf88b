#include "proxy/route/merge.h"

#include <algorithm>
#include <cassert>

#include "backends/wire/error_text.h"
#include "backends/wire/resp_encode.h"
#include "proxy/route/scratch.h"

namespace ringproxy::proxy {
namespace {

bool AddUp(int64_t a, int64_t b, int64_t* sum) {
  // A sum that has wrapped would be believed.
  return !__builtin_add_overflow(a, b, sum);
}

bool TakeLess(int64_t a, int64_t b, int64_t* less) {
  *less = std::min(a, b);
  return true;
}

}  // namespace

std::span<const std::string_view> ReplyMerger::Merge(wire::Merge merge, std::span<const std::string_view> children,
                                                     std::span<const uint32_t> child_of_key) {
  assert(!children.empty());
  Recycle(&pieces_);
  Recycle(&readers_);
  Recycle(&expected_);
  text_.clear();
  size_bytes_ = 0;
  const auto failed = std::ranges::find_if(children, wire::IsError);
  // Any node's key will do for RANDOMKEY, so a node that fails need not matter.
  if (failed != children.end() && merge != wire::Merge::kAnyNonNil) {
    ReplaceBy(*failed);
    return pieces_;
  }
  switch (merge) {
    case wire::Merge::kNone: assert(children.size() == 1); [[fallthrough]];
    case wire::Merge::kFirst: ReplaceBy(children.front()); break;
    case wire::Merge::kInKeyOrder: MergeInKeyOrder(children, child_of_key); break;
    case wire::Merge::kSum: MergeIntegers(children, AddUp); break;
    case wire::Merge::kLeast: MergeIntegers(children, TakeLess); break;
    case wire::Merge::kAllOk: MergeAllOk(children); break;
    case wire::Merge::kConcat: MergeConcat(children); break;
    case wire::Merge::kEveryElementAnd: MergeEveryElementAnd(children); break;
    case wire::Merge::kAnyNonNil: MergeAnyNonNil(children); break;
    case wire::Merge::kValues:
    case wire::Merge::kStatistics:
    case wire::Merge::kSettings:
    case wire::Merge::kAgreed:
    case wire::Merge::kItems:
    case wire::Merge::kUntagCas:
    case wire::Merge::kInstead: assert(false);  // MemcacheMerger's.
  }
  return pieces_;
}

void ReplyMerger::Add(std::string_view piece) {
  pieces_.push_back(piece);
  size_bytes_ += piece.size();
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

void ReplyMerger::MergeInKeyOrder(std::span<const std::string_view> children, std::span<const uint32_t> child_of_key) {
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
    if (wire::IsError(element)) return ReplaceBy(element);
    Add(element);
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
  const bool all_ok = std::ranges::all_of(children, [](std::string_view child) { return child == "+OK\r\n"; });
  if (!all_ok) return BadReply();
  Add(children.front());
}

void ReplyMerger::MergeConcat(std::span<const std::string_view> children) {
  if (!ReadArrays(children)) return;
  size_t count = 0;
  for (const wire::ArrayReader& reader : readers_) count += reader.remaining();
  AddArrayHeader(count);
  for (const wire::ArrayReader& reader : readers_) {
    if (reader.remaining() > 0) Add(reader.rest());
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
  Add(failed != nullptr ? *failed : children.front());
}

}  // namespace ringproxy::proxy
