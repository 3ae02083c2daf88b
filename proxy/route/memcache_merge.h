// proxy/route/memcache_merge.h – Makes one memcached reply of the replies to the parts of a split command.
//
// Purpose: as merge.h for RESP. Values come back in the order of the request's keys, duplicates twice, misses skipped,
// one END (semantics.md 9). The classic text protocol cannot say which keys failed: either the whole reply is the first
// failure's line and no value is sent (semantics.md 10), or, when the pool says so, failed keys are misses.
// Connections are told of the nodes that answer, and an error of the others.
// Threads: one owner. It holds no state between calls but its warm memory.
// Promise: values are not copied: the result is pieces of the children's replies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/wire/memcache_reply.h"
#include "proxy/route/fanout_plan.h"

namespace ringproxy::proxy {

class MemcacheMerger {
 public:
  // Whether some parts of a multi-get failed while others did not, and what the client reads then.
  enum class Partial : uint8_t { kNone, kError, kMiss };

  // Child replies, each whole, children in the order of their first key; a child that got no reply has the text of its
  // failure. Returns the merged reply's bytes in pieces, valid until the next Merge or until a child's reply moves.
  // Requires: at least one child.
  std::span<const std::string_view> Merge(const FanoutPlan& plan, std::span<const std::string_view> children);

  // Of the last merged reply.
  size_t size_bytes() const { return size_bytes_; }
  Partial partial() const { return partial_; }

 private:
  void MergeValues(const FanoutPlan& plan, std::span<const std::string_view> children);
  // False when a failure has to be the whole reply.
  bool ReadValues(const FanoutPlan& plan, std::span<const std::string_view> children);
  void AddValue(const wire::MemcacheValue& value, wire::CasTag tag);
  void MergeAgreed(const FanoutPlan& plan, std::span<const std::string_view> children);
  void MergeConnections(const FanoutPlan& plan, std::span<const std::string_view> children);
  void MergeStatistics(const FanoutPlan& plan, std::span<const std::string_view> children);
  void UntagCas(const FanoutPlan& plan, std::string_view reply);
  void Add(std::string_view piece);
  void ReplaceBy(std::string_view reply);
  void BadReply();

  std::vector<std::string_view> pieces_;
  std::vector<wire::ValueReader> readers_;
  std::string text_;  // What no child said. Never grows once pieces of it were added.
  size_t size_bytes_ = 0;
  Partial partial_ = Partial::kNone;
};

}  // namespace ringproxy::proxy
