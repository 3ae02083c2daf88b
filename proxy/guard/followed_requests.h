// proxy/guard/followed_requests.h – Requests whose limits have to hear how they ended.
//
// Purpose: a limit on concurrency gets its place back with the reply, one on bytes is charged for the reply's. The
// ticket that leads to the client is kept here, and one of Kind::kLimit travels in its stead.
// Threads: its worker's.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "proxy/guard/limit_rules.h"
#include "proxy/route/held_snapshot.h"

namespace ringproxy::proxy {

class FollowedRequests {
 public:
  struct FollowedRequest {
    backends::Ticket ticket;
    SnapshotUse held;  // To whose rules the charges lead.
    std::vector<Charge> charges;
    uint32_t generation = 0;
  };

  // The ticket that is to be used from now on; Add says which charges wait for its reply.
  backends::Ticket Follow(HeldSnapshot& held, backends::Ticket ticket);
  void Add(backends::Ticket followed, const Charge& charge);
  // Of a ticket that Follow has given; until Forget.
  const FollowedRequest& at(backends::Ticket ticket) const { return entries_[ticket.owner]; }
  void Forget(backends::Ticket ticket);
  size_t open() const { return entries_.in_use(); }

 private:
  net::PlaceList<FollowedRequest> entries_;
};

}  // namespace ringproxy::proxy
