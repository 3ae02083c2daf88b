// proxy/guard/waiting_room.h – Requests that their limits let wait: for a time, or for the store's word.
//
// Purpose: keeps what an admission has reached, within the bounds of conf::Limit::max_wait and max_waiting, and goes on
// from there; says in the end that a request may go or is refused. Threads: its worker's. Lifetime: all that it is
// given outlives it.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "backends/net/place_list.h"
#include "backends/ticket.h"
#include "proxy/guard/admission.h"
#include "proxy/guard/exact_buckets.h"
#include "proxy/guard/lease_desk.h"

namespace ringproxy::proxy {

class WaitingRoom final : public LeaseDesk::ExactAsker {
 public:
  class User {
   public:
    // Its wait is over: it has passed all of its buckets; it is refused. The attempt is valid during the call.
    virtual void OnPassed(backends::Ticket ticket, const AdmissionAttempt& attempt) = 0;
    virtual void OnTurnedAway(backends::Ticket ticket, const AdmissionOutcome& refusal) = 0;

   protected:
    ~User() = default;
  };

  WaitingRoom(net::Loop& loop, uint32_t worker, Admission& admission, LeaseDesk& desk, ExactBuckets& exact, User& user)
      : loop_(loop), worker_(worker), admission_(admission), desk_(desk), exact_(exact), user_(user) {}

  // Takes what the attempt has reached, and tells the user later, never before it returns. A refusal: it may not wait.
  std::optional<AdmissionOutcome> Enter(AdmissionAttempt* attempt, const AdmissionOutcome& outcome,
                                        const ClientIdentity& client, backends::Ticket ticket);

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;
  struct Waiting {
    backends::Ticket ticket;
    AdmissionAttempt attempt;
    SnapshotUse held;
    net::TimePoint deadline{};
    const LimitRule* rule = nullptr;        // That made it wait first.
    const LimitRule* delayed_by = nullptr;  // The limit that has delayed it, which counts it.
    bool is_held = false;                   // Every bucket has admitted it; only the time has to pass.
    std::unique_ptr<net::Timer> timer;
  };

  void OnExactAnswer(uint32_t waiting, const std::optional<LeaseReply>& reply) override;
  uint32_t Acquire();
  void Proceed(uint32_t index, const AdmissionOutcome& outcome);
  void OnTime(uint32_t index);
  bool MayWait(const LimitRule& rule, net::Duration wait) const;
  // From now on the limit `rule` delays it; false: too many wait for that already, or it would be too long.
  bool DelayBy(uint32_t index, const LimitRule& rule, net::Duration wait);
  void AskExact(uint32_t index);
  void End(uint32_t index, const AdmissionOutcome& outcome);
  LimitState& StateOf(const LimitRule& rule) const { return rule.record->state(worker_); }
  LimitStats& StatsOf(const LimitRule& rule) const { return StateOf(rule).stats; }

  net::Loop& loop_;
  uint32_t worker_;
  Admission& admission_;
  LeaseDesk& desk_;
  ExactBuckets& exact_;
  User& user_;
  net::PlaceList<Waiting, std::deque<Waiting>> waiting_;
  uint32_t entering_ = kNobody;  // Its Enter has not returned yet.
};

}  // namespace ringproxy::proxy
