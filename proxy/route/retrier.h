// proxy/route/retrier.h – Reads that may be asked a second time: after a failure, or when the answer takes long.
//
// Purpose: for pools with retries or hedging a read's bytes are kept until it is answered. A failed one is sent again
// after a jittered pause, within the pool's budget and the request's total time; a hedged one is also sent to the next
// node on the ring once it has waited as long as 95 % of the replies take (Dean and Barroso, "The tail at scale", CACM
// 2013). The first answer counts, save that a miss of the second node does not beat a value of the first. Writes are
// never kept, so they cannot be sent twice (semantics.md 25).
// Threads: its worker's. Lifetime: all that the constructor is given outlives it.
// Promise: one OnReply or OnFailure for each Send's ticket; late answers are dropped and counted.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/health/retry_budget.h"
#include "backends/lane.h"
#include "backends/net/place_list.h"
#include "backends/net/ring_queue.h"
#include "backends/ticket.h"
#include "backends/worker_io.h"
#include "proxy/route/held_snapshot.h"

namespace ringproxy::proxy {

struct RetryStats {
  backends::Counter retries;
  backends::Counter hedges;
  backends::Counter hedges_won;
};

class Retrier final : public backends::ReplySink {
 public:
  // By what a read goes to another node.
  struct Target {
    uint32_t pool;
    ring::NodeIndex node;
    backends::Lane lane;
    uint64_t hash;
    bool may_move;  // To another node: one key, and its pool rehashes.
    bool has_priority = false;
    wire::Asked asked = {};

    backends::Claim claim() const { return {.is_read = true, .has_priority = has_priority}; }
  };

  // stats[i] is pool i's.
  Retrier(backends::WorkerIo& io, backends::ReplySink& sink, std::span<RetryStats> stats);
  // The snapshot by which the next reads go, of the same pools as the last one; before the first Send.
  void Adopt(const Snapshot& snapshot);

  // Sends `request` and keeps a copy. Requires: a read that is safe to ask again, a pool that keeps_reads.
  void Send(HeldSnapshot& held, std::string_view request, const Target& target, backends::Ticket ticket);

  // For tickets of Kind::kRetry.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;

  // Once a second: learns how long the pools' replies take.
  void Tick(const HeldSnapshot& held);
  size_t open() const { return entries_.in_use(); }

 private:
  struct RetriedRead {
    backends::Ticket ticket;
    SnapshotUse held;  // By which it goes, until the last of its replies is in.
    Target target{};
    std::string request;
    std::string miss;  // A hedge's, while the first node may still have the value.
    net::TimePoint deadline{};
    uint32_t serial = 0;  // Tells this use of the entry from later ones.
    uint32_t retries = 0;
    uint32_t outstanding = 0;
    bool waiting = false;  // For the pause before a retry.
    bool hedged = false;
    bool answered = false;
  };
  enum class RetryStep : uint8_t { kRetry, kDeadline };
  struct Event {
    uint32_t owner;
    uint32_t serial;
    RetryStep step;
  };
  struct HedgeTime {
    uint32_t owner;
    uint32_t serial;
    net::TimePoint due;
  };
  struct RetriedPool {
    conf::Retries retries;  // What the budgets are made of.
    conf::Hedging hedging;
    backends::RetryBudget retry_budget;
    backends::RetryBudget hedge_budget;
    net::Duration hedge_after{0};            // 0 = not known yet.
    net::RingQueue<HedgeTime, 64> hedges{};  // In the order of the requests. One a pool: each waits as long as its own.
    std::unique_ptr<net::Timer> hedge_timer;
  };

  static net::Duration TotalOf(const RetriedRead& entry);
  void ReleaseIfDone(uint32_t owner);
  void SendTo(uint32_t owner, ring::NodeIndex node, uint32_t attempt);
  bool MayRetry(const RetriedRead& entry, const wire::Failure& failure);
  void ScheduleRetry(uint32_t owner);
  void ScheduleDeadline(uint32_t owner);
  void Retry(uint32_t owner);
  void Expire(uint32_t owner);
  void RunEvents();
  void RunHedges(uint32_t pool);
  void Hedge(uint32_t owner);
  // Whether a reply of this attempt is the answer; else it is dropped or held.
  bool IsAnswer(RetriedRead& entry, backends::Ticket ticket, std::string_view reply);

  backends::WorkerIo& io_;
  backends::ReplySink& sink_;
  std::span<RetryStats> stats_;
  std::vector<RetriedPool> by_pool_;
  net::PlaceList<RetriedRead> entries_;
  std::multimap<net::TimePoint, Event> events_;  // Of requests that have failed or are hedged: few.
  std::unique_ptr<net::Timer> event_timer_;
};

}  // namespace ringproxy::proxy
