#include "proxy/route/fanout.h"

#include <cassert>

namespace ringproxy::proxy {

uint32_t Fanout::Open(backends::Ticket parent, wire::Merge merge, uint32_t children,
                      std::vector<uint16_t>* child_of_key) {
  if (free_.empty()) {
    free_.push_back(static_cast<uint32_t>(parents_.size()));
    parents_.emplace_back();
  }
  const uint32_t owner = free_.back();
  free_.pop_back();
  ++open_;
  Parent& entry = parents_[owner];
  entry.ticket = parent;
  entry.merge = merge;
  entry.waiting = children;
  entry.replies.resize(children);
  entry.child_of_key.clear();
  // Swapped, not copied: the caller gets the vector of an earlier fan-out to fill next time.
  if (child_of_key != nullptr) entry.child_of_key.swap(*child_of_key);
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
  wire::AppendRedisError(failure, &text);
  OnReply(ticket, io_.blocks.Copy(text));
}

void Fanout::Finish(uint32_t owner) {
  Parent& parent = parents_[owner];
  views_.clear();
  for (const net::Block& reply : parent.replies) views_.push_back(reply.bytes());
  const auto pieces = merger_.Merge(parent.merge, views_, parent.child_of_key);
  net::Block merged = io_.blocks.Acquire(merger_.size_bytes());
  for (const std::string_view piece : pieces) merged.Append(piece);
  parent.replies.clear();
  const backends::Ticket ticket = parent.ticket;
  free_.push_back(owner);
  --open_;
  if (merged.size() >= net::kLargeFrame) return sink_.OnLargeReply(ticket, std::move(merged));
  sink_.OnReply(ticket, merged.bytes());
}

}  // namespace ringproxy::proxy
