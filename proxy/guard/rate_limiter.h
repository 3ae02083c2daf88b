// proxy/guard/rate_limiter.h – Whether a request may be sent: all limits on all levels, in one worker.
//
// Purpose: asks the buckets of a request in turn, those of its connection, of the process, of the fleet, and stops at
// the first refusal. All that apply have to admit it: they are looked at before any is charged, and what was charged is
// given back when a later one refuses after all. A request that has to wait (action: delay, check: exact) is reported
// later to the observer; its client's further requests wait behind it, nobody else does.
// Threads: its worker's; the process's buckets and rules are shared. Lifetime: what LimiterParts refer to outlives it.
#pragma once

#include <memory>

#include "proxy/guard/admission.h"
#include "proxy/guard/exact_buckets.h"
#include "proxy/guard/followed_requests.h"
#include "proxy/guard/lease_desk.h"
#include "proxy/guard/leased_buckets.h"
#include "proxy/guard/waiting_room.h"

namespace ringproxy::proxy {

class RateLimiter final : public backends::ReplySink, private WaitingRoom::User {
 public:
  enum class Verdict : uint8_t {
    kAdmitted,
    kRefused,
    kWaits,  // The observer hears of it.
  };
  struct Decision {
    Verdict verdict = Verdict::kAdmitted;
    const conf::Limit* limit = nullptr;  // kRefused: the one that refuses.
    net::Duration retry_after{0};        // As wire::Failure has it.
  };
  class Observer {
   public:
    // `waiting` was given to Admit; `use` is to be sent with the request, or told to Abandon.
    virtual void OnAdmitted(backends::Ticket waiting, backends::Ticket use) = 0;
    virtual void OnRefused(backends::Ticket waiting, const Decision& decision) = 0;

   protected:
    ~Observer() = default;
  };
  struct LimiterParts {
    backends::WorkerIo& io;
    SharedLimits& shared;
    uint32_t worker;  // Whose part of each limit's record is this one's.
    backends::ReplySink& sink;
    Observer& observer;
  };

  explicit RateLimiter(const LimiterParts& parts);
  // The snapshot by whose limits the next requests go; before the first of them.
  void Adopt(const Snapshot& snapshot);

  // Never calls the observer before it returns. kAdmitted: `ticket` may have become another one, which is to be used.
  Decision Admit(HeldSnapshot& held, const LimitedRequest& asked, backends::Ticket* ticket) {
    Begin(held);
    Add(asked);
    return AdmitAdded(asked.client, ticket);
  }
  // The same for requests of one client that are sent together, under one ticket: all are admitted, or none is and
  // nothing is charged. In this order: Begin, an Add for each, AdmitAdded.
  void Begin(HeldSnapshot& held);
  void Add(const LimitedRequest& asked) {
    ++added_;
    (*scratch_.held)->limits->Match(asked, &keys_, &scratch_.charges);
  }
  Decision AdmitAdded(const ClientIdentity& client, backends::Ticket* ticket);
  bool HasPriority(const LimitRules& rules, const LimitedRequest& asked) {
    return rules.has_priorities() && rules.HasPriority(asked, &keys_);
  }
  // An admitted request that is not sent after all: its client has left.
  void Abandon(backends::Ticket ticket);

  // Of tickets of Kind::kLimit.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;
  // For those of Kind::kStore.
  backends::ReplySink& store() { return desk_.sink(); }

  // Now, and then about once a second: tells the store that the process lives, measures what is shown.
  void Tick(HeldSnapshot& held) { desk_.Tick(held); }

  // Requests under way that a limit waits for.
  size_t followed() const { return followed_.open(); }
  // What is shown of the leases: some of each limit.
  std::shared_ptr<const LeasesView> View(const Snapshot& snapshot) const { return desk_.View(snapshot); }

 private:
  void OnPassed(backends::Ticket ticket, const AdmissionAttempt& attempt) override;
  void OnTurnedAway(backends::Ticket ticket, const AdmissionOutcome& refusal) override;

  Decision Refuse(const AdmissionOutcome& outcome);
  // It may go: counts it, and follows it if a limit has to hear how it ends.
  backends::Ticket Conclude(const AdmissionAttempt& attempt, backends::Ticket ticket);
  // Once a request, however often its buckets were asked.
  void CountAdmitted(const AdmissionAttempt& attempt);
  void Settle(backends::Ticket ticket, size_t reply_bytes);
  LimitState& StateOf(const LimitRule& rule) const { return rule.record->state(worker_); }

  uint32_t worker_;
  backends::ReplySink& sink_;
  Observer& observer_;
  LeaseDesk desk_;
  StoreFallback fallback_;
  LocalBuckets local_;
  LeasedBuckets leased_;
  ExactBuckets exact_;
  Admission admission_;
  WaitingRoom waiting_room_;
  FollowedRequests followed_;
  AdmissionAttempt scratch_;
  size_t added_ = 0;  // Requests whose charges these are.
  wire::KeyPositions keys_;
};

}  // namespace ringproxy::proxy
