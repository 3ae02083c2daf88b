#include "proxy/route/fanout.h"

#include <cassert>
#include <utility>

namespace ringproxy::proxy {

uint32_t Fanout::Open(backends::Ticket parent, FanoutPlan* plan) {
  const uint32_t owner = parents_.Acquire();
  Parent& entry = parents_[owner];
  entry.ticket = parent;
  entry.waiting = plan->children;
  entry.replies.resize(plan->children);
  std::swap(entry.plan, *plan);
  return owner;
}

void Fanout::OnReply(backends::Ticket ticket, net::Block reply) {
  Parent& parent = parents_[ticket.owner];
  assert(parent.waiting > 0 && !parent.replies[ticket.slot]);
  parent.replies[ticket.slot] = std::move(reply);
  if (--parent.waiting == 0) Finish(ticket.owner);
}

void Fanout::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  std::string text;
  if (wire::IsMemcache(parents_[ticket.owner].plan.merge)) {
    wire::AppendMemcacheError(failure.code, &text);
  } else {
    wire::AppendRedisError(failure, &text);
  }
  OnReply(ticket, io_.blocks.Copy(text));
}

std::span<const std::string_view> Fanout::MergeReplies(const FanoutPlan& plan, size_t* size_bytes) {
  if (!wire::IsMemcache(plan.merge)) {
    const auto pieces = merger_.Merge(plan.merge, views_, plan.child_of_key);
    *size_bytes = merger_.size_bytes();
    return pieces;
  }
  const auto pieces = memcache_merger_.Merge(plan, views_);
  *size_bytes = memcache_merger_.size_bytes();
  if (memcache_merger_.partial() == MemcacheMerger::Partial::kError) partial_.errors.Add();
  if (memcache_merger_.partial() == MemcacheMerger::Partial::kMiss) partial_.misses.Add();
  return pieces;
}

void Fanout::Finish(uint32_t owner) {
  Parent& parent = parents_[owner];
  views_.clear();
  for (const net::Block& reply : parent.replies) views_.push_back(reply.bytes());
  size_t size_bytes = 0;
  const auto pieces = MergeReplies(parent.plan, &size_bytes);
  net::Block merged = io_.blocks.Acquire(size_bytes);
  for (const std::string_view piece : pieces) merged.Append(piece);
  parent.replies.clear();
  const backends::Ticket ticket = parent.ticket;
  parents_.Release(owner);
  if (merged.size() >= net::kLargeFrame) return sink_.OnLargeReply(ticket, std::move(merged));
  sink_.OnReply(ticket, merged.bytes());
}

}  // namespace ringproxy::proxy
