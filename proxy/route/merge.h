// proxy/route/merge.h – Makes one reply of the replies to the parts of a split command.
//
// Purpose: the rules of wire::Merge. The error of one part is the error of the whole, in the node's own words, and
// never a nil (semantics.md 1 to 4); where several failed, the one whose first key came first speaks. A part's reply
// of the wrong type or length makes the whole a kBadReply error.
// Threads: one owner. It holds no state between calls but its warm memory.
// Promise: values are not copied: the result is pieces of the children's replies, so that the caller copies once into
// what leaves, or moves a block that is the whole reply. A warm merger does not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/command.h"
#include "backends/wire/resp_reply.h"
#include "proxy/route/scan_order.h"

namespace ringproxy::proxy {

class ReplyMerger {
 public:
  // Child replies, each whole, children in the order of their first key; a child that got no reply has the text of its
  // failure. `child_of_key` is used by the two orders of keys only: for each key of the request, in order, the child
  // that has it. Children may speak either version of RESP; a nil becomes one of `protocol`, which is 2 or 3. Returns
  // the merged reply's bytes in pieces, valid until the next Merge or until a child's reply moves. Requires: at least
  // one child.
  std::span<const std::string_view> Merge(wire::Merge merge, std::span<const std::string_view> children,
                                          std::span<const uint32_t> child_of_key = {}, uint8_t protocol = 2);
  // kNextCursor: the reply of the node whose turn it is, with the client's cursor in place of the node's.
  std::span<const std::string_view> ReplaceCursor(std::string_view reply, ScanTurn turn);

  // Of the last merged reply, all pieces together.
  size_t size_bytes() const { return size_bytes_; }

 private:
  void Begin();
  // `has_own_errors`: an element may be one.
  void MergeInKeyOrder(std::span<const std::string_view> children, std::span<const uint32_t> child_of_key,
                       bool has_own_errors);
  // `combine` is given the result so far and the next integer; false when the two make none.
  void MergeIntegers(std::span<const std::string_view> children, bool (*combine)(int64_t a, int64_t b, int64_t* both));
  void MergeAllOk(std::span<const std::string_view> children);
  void MergeConcat(std::span<const std::string_view> children);
  void MergeEveryElementAnd(std::span<const std::string_view> children);
  void MergeAnyNonNil(std::span<const std::string_view> children);
  void MergeAnyOk(std::span<const std::string_view> children);
  bool ReadArrays(std::span<const std::string_view> children);
  void AddArrayHeader(size_t count);
  void Add(std::string_view piece);
  void AddValue(std::string_view value);
  void ReplaceBy(std::string_view reply);
  void BadReply();

  std::vector<std::string_view> pieces_;
  std::vector<wire::ArrayReader> readers_;
  std::vector<size_t> expected_;  // Keys of each child.
  uint8_t protocol_ = 2;
  std::string text_;  // What no child said: headers, sums, errors.
  size_t size_bytes_ = 0;
};

}  // namespace ringproxy::proxy
