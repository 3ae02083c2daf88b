#include "proxy/route/fanout.h"

#include <cassert>
#include <utility>

namespace ringproxy::proxy {
namespace {

// So many of those that are over leave their memory for the next ones.
constexpr size_t kSparePlans = 64;
constexpr size_t kKeptReplies = 64;

}  // namespace

uint32_t Fanout::Open(backends::Ticket parent, FanoutPlan* plan) {
  const uint32_t owner = parents_.Acquire();
  Parent& entry = parents_[owner];
  entry.ticket = parent;
  entry.waiting = plan->children;
  entry.replies.resize(plan->children);
  entry.reply_bytes = 0;
  entry.is_too_large = false;
  entry.plan = std::move(*plan);
  *plan = {};
  if (!spare_plans_.empty()) {
    *plan = std::move(spare_plans_.back());
    spare_plans_.pop_back();
  }
  return owner;
}

void Fanout::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  Parent& parent = parents_[ticket.owner];
  assert(parent.waiting > 0 && !parent.replies[ticket.slot]);
  parent.reply_bytes += reply.size();
  parent.replies[ticket.slot] = reply.Keep(io_.blocks);
  // What is made of them takes as much again.
  if (parent.is_too_large || parent.reply_bytes > io_.memory.most_taken()) GiveUp(&parent);
  if (--parent.waiting == 0) Finish(ticket.owner);
}

void Fanout::GiveUp(Parent* parent) {
  parent->is_too_large = true;
  // Called again for each later reply: all children still have to be answered, whether or not anybody reads them.
  for (net::Block& reply : parent->replies) reply.Release();
}

void Fanout::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  // The failure stands in for a reply, so that the merge decides by the order of the keys whose error is told.
  std::string text;
  if (wire::IsMemcache(parents_[ticket.owner].plan.merge)) {
    wire::AppendMemcacheError(failure.code, &text);
  } else {
    wire::AppendRedisError(failure, &text);
  }
  OnReply(ticket, backends::Reply(text));
}

std::span<const std::string_view> Fanout::MergeReplies(const FanoutPlan& plan, size_t* size_bytes) {
  if (plan.merge == wire::Merge::kNextCursor) {
    const auto pieces = merger_.ReplaceCursor(views_.front(), plan.scan);
    *size_bytes = merger_.size_bytes();
    return pieces;
  }
  if (!wire::IsMemcache(plan.merge)) {
    const auto pieces = merger_.Merge(plan.merge, views_, plan.child_of_key, plan.protocol);
    *size_bytes = merger_.size_bytes();
    return pieces;
  }
  const auto pieces = memcache_merger_.Merge(plan, views_);
  *size_bytes = memcache_merger_.size_bytes();
  if (memcache_merger_.partial() == MemcacheMerger::Partial::kError) partial_.errors.Add();
  if (memcache_merger_.partial() == MemcacheMerger::Partial::kMiss) partial_.misses.Add();
  return pieces;
}

backends::Ticket Fanout::Release(uint32_t owner) {
  Parent& parent = parents_[owner];
  parent.replies.clear();
  if (parent.replies.capacity() > kKeptReplies) std::vector<net::Block>().swap(parent.replies);
  parent.plan.Clear();
  if (spare_plans_.size() < kSparePlans) spare_plans_.push_back(std::move(parent.plan));
  parent.plan = {};
  const backends::Ticket ticket = parent.ticket;
  parents_.Release(owner);
  return ticket;
}

void Fanout::Finish(uint32_t owner) {
  Parent& parent = parents_[owner];
  if (parent.is_too_large) return sink_.OnFailure(Release(owner), {wire::ErrorCode::kOutOfMemory});
  views_.clear();
  for (const net::Block& reply : parent.replies) views_.push_back(reply.bytes());
  size_t size_bytes = 0;
  const auto pieces = MergeReplies(parent.plan, &size_bytes);
  net::Block merged = io_.blocks.Acquire(size_bytes);
  // Copied before Release lets go of the children's blocks, in which the pieces lie.
  for (const std::string_view piece : pieces) merged.Append(piece);
  sink_.OnReply(Release(owner), backends::Reply(std::move(merged)));
}

}  // namespace ringproxy::proxy
