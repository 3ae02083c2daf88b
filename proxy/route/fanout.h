// proxy/route/fanout.h – Commands that go to several nodes: remembers the parts and makes one reply of theirs.
//
// Threads: its worker's. Lifetime: io, the sink and the stats outlive it.
// One whose parts' replies take too much memory keeps none of them and fails.
// Promise: one OnReply or OnFailure to the sink for each Open, after every child was answered; children
// are answered exactly once, so a fan-out lives until its last child is in, whether or not its client is still there.
#pragma once

#include <vector>

#include "backends/net/place_list.h"
#include "backends/stats.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/fanout_plan.h"
#include "proxy/route/memcache_merge.h"
#include "proxy/route/merge.h"

namespace ringproxy::proxy {

// Multi-gets some of whose nodes failed, by what the client got.
struct PartialStats {
  backends::Counter errors;
  backends::Counter misses;
};

class Fanout final : public backends::ReplySink {
 public:
  Fanout(backends::WorkerIo& io, backends::ReplySink& sink, PartialStats& partial)
      : io_(io), sink_(sink), partial_(partial) {}

  // A new fan-out, none of its parts sent yet. Returns the owner for the children's tickets; a child's slot is its
  // number. `plan` is taken, and one of an earlier fan-out is left for it, so that the caller gets memory to fill next
  // time.
  uint32_t Open(backends::Ticket parent, FanoutPlan* plan);
  static backends::Ticket ChildTicket(uint32_t owner, uint32_t child) {
    return {owner, 0, child, backends::Ticket::Kind::kFanout};
  }

  // Of its children.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  size_t open() const { return parents_.in_use(); }
  // About once a second: gives idle memory back.
  void Tick() { parents_.ShrinkIfUnused(); }

 private:
  struct Parent {
    backends::Ticket ticket;
    uint32_t waiting = 0;
    size_t reply_bytes = 0;
    bool is_too_large = false;
    std::vector<net::Block> replies;
    FanoutPlan plan;
  };

  void GiveUp(Parent* parent);
  void Finish(uint32_t owner);
  backends::Ticket Release(uint32_t owner);
  std::span<const std::string_view> MergeReplies(const FanoutPlan& plan, size_t* size_bytes);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  PartialStats& partial_;
  net::PlaceList<Parent> parents_;
  std::vector<FanoutPlan> spare_plans_;  // Of fan-outs that are over.
  std::vector<std::string_view> views_;  // Scratch.
  ReplyMerger merger_;
  MemcacheMerger memcache_merger_;
};

}  // namespace ringproxy::proxy
