#include "proxy/guard/followed_requests.h"

namespace ringproxy::proxy {

backends::Ticket FollowedRequests::Follow(HeldSnapshot& held, backends::Ticket ticket) {
  const uint32_t index = entries_.Acquire();
  FollowedRequest& entry = entries_[index];
  entry.ticket = ticket;
  entry.held = SnapshotUse(held);
  entry.charges.clear();
  return {index, entry.generation, 0, backends::Ticket::Kind::kLimit};
}

void FollowedRequests::Add(backends::Ticket followed, const Charge& charge) {
  std::vector<Charge>& charges = entries_[followed.owner].charges;
  charges.push_back(charge);
  charges.back().key = {};  // It is not valid for so long.
}

void FollowedRequests::Forget(backends::Ticket ticket) {
  ++entries_[ticket.owner].generation;
  entries_[ticket.owner].held.End();
  entries_.Release(ticket.owner);
}

}  // namespace ringproxy::proxy
