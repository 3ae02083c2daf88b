// proxy/guard/rate_limiter.h – Whether a request may be sent: all limits on all levels, in one worker.
//
// Purpose: asks the buckets of a request in turn, those of its connection, of the process, of the fleet, and stops at
// the first refusal. All that apply have to admit it: they are looked at before any is charged, and what was charged is
// given back when a later one refuses after all. A request that has to wait (action: delay, check: exact) is reported
// later to the observer; its client's further requests wait behind it, nobody else does.
// Threads: its worker's; the process's buckets and rules are shared. Lifetime: what LimiterParts refer to outlives it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/link/node_pool.h"
#include "backends/net/place_list.h"
#include "proxy/guard/followed_requests.h"
#include "proxy/guard/lease_table.h"
#include "proxy/guard/limit_stats.h"
#include "proxy/guard/limit_store.h"
#include "proxy/guard/refusal_memory.h"
#include "proxy/guard/shared_limits.h"

namespace ringproxy::proxy {

class RateLimiter final : public backends::ReplySink, private LimitStore::Asker {
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
  Decision Admit(HeldSnapshot& held, const LimitedRequest& asked, backends::Ticket* ticket);
  bool HasPriority(const LimitRules& rules, const LimitedRequest& asked) {
    return rules.has_priorities() && rules.HasPriority(asked, &keys_);
  }
  // An admitted request that is not sent after all: its client has left.
  void Abandon(backends::Ticket ticket);

  // Of tickets of Kind::kLimit.
  void OnReply(backends::Ticket ticket, backends::Reply&& reply) override;
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure) override;
  // For those of Kind::kStore.
  backends::ReplySink& store() { return store_; }

  // Now, and then about once a second: tells the store that the process lives, measures what is shown.
  void Tick(HeldSnapshot& held);

  // Requests under way that a limit waits for.
  size_t followed() const { return followed_.open(); }
  // What is shown of the leases: some of each limit.
  std::shared_ptr<const LeasesView> View(const Snapshot& snapshot) const;

 private:
  // The way of one request through its buckets.
  struct Attempt {
    HeldSnapshot* held = nullptr;  // To whose rules the charges lead; in use while the request waits.
    std::vector<Charge> charges;
    std::vector<std::string> names;        // As charges, once it waits: buckets of the store.
    size_t next = 0;                       // The charge to ask next.
    int64_t hold_ns = 0;                   // The longest wait that a bucket has asked for …
    const LimitRule* hold_rule = nullptr;  // … and whose it is.
  };
  // A store that fails is asked again after this.
  static constexpr net::Duration kProbeInterval = std::chrono::milliseconds(50);
  // Proxies find a store that is back within such a time of each other.
  static constexpr net::Duration kRecovery = std::chrono::seconds(1);
  enum class AdmissionStep : uint8_t { kDone, kRefused, kAskStore, kTryLater };
  struct AdmissionOutcome {
    AdmissionStep step = AdmissionStep::kDone;
    const LimitRule* rule = nullptr;
    net::Duration retry_after{0};
  };
  static constexpr uint32_t kNobody = UINT32_MAX;
  struct Waiting {
    backends::Ticket ticket;
    Attempt attempt;
    SnapshotUse held;
    net::TimePoint deadline{};
    const LimitRule* rule = nullptr;        // That made it wait first.
    const LimitRule* delayed_by = nullptr;  // The limit that has delayed it.
    bool is_held = false;                   // Every bucket has admitted it; only the time has to pass.
    std::unique_ptr<net::Timer> timer;
  };
  void OnStoreAnswer(const LimitStore::Question& question, LimitStore::StoreOutcome outcome,
                     std::string_view reply) override;
  void OnLeaseAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply);
  void OnExactAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply);

  // `client`: whose request it is, while that is known.
  AdmissionOutcome Run(Attempt* attempt, const ClientIdentity* client);
  // The first look, at all of them; kDone when each would admit it.
  AdmissionOutcome Look(const Attempt& attempt);
  AdmissionOutcome Refusal(const Charge& charge, int64_t wait_ns) const;
  BucketAnswer Take(Attempt* attempt, size_t i, const ClientIdentity* client);
  BucketAnswer TakeLease(Attempt* attempt, size_t i, const ClientIdentity* client);
  BucketAnswer FallBack(Charge* charge, net::TimePoint failing_since);
  BucketAnswer TakeFromTable(Charge* charge, const BucketLimit& limit, int64_t fresh_ns);
  void GiveToTable(const Charge& charge, const BucketLimit& limit);
  void Undo(Attempt* attempt);
  LimitState& StateOf(const LimitRule& rule) const { return rule.record->state(worker_); }
  LimitState& StateOf(const Charge& charge) const { return StateOf(*charge.rule); }
  LimitStats& StatsOf(const LimitRule& rule) const { return StateOf(rule).stats; }
  static BucketTable& TableOf(const Charge& charge) { return charge.rule->record->table(); }
  // How long the store has refused it for.
  net::Duration RefusedFor(const Charge& charge) const;
  // Every request of it has to ask the store, and may.
  bool NeedsStore(const Charge& charge) const;
  static std::string StoreKey(const LimitRule& rule, std::string_view value);
  void AskForLease(HeldSnapshot& held, const LimitRule& rule, LeaseTable::KeptLease& entry);

  Decision Refuse(const AdmissionOutcome& outcome);
  backends::Ticket Conclude(const Attempt& attempt, backends::Ticket ticket);
  // Once a request, however often its buckets were asked.
  void CountAdmitted(const Attempt& attempt);
  // Keeps what scratch_ has reached, until the time has passed or the store has answered.
  Decision Wait(const AdmissionOutcome& outcome, const ClientIdentity& client, backends::Ticket ticket);
  // What has waited does not any more.
  void Release(uint32_t waiting);
  uint32_t AcquireWaiting();
  void Proceed(uint32_t waiting, const AdmissionOutcome& outcome);
  void OnTime(uint32_t waiting);
  bool MayWait(const LimitRule& rule, net::Duration wait) const;
  // From now on the limit `rule` delays it; false: too many wait for that already, or it would be too long.
  bool DelayBy(uint32_t waiting, const LimitRule& rule, net::Duration wait);
  // Places of limits on concurrency are for requests that are under way.
  void ReturnPlaces(Attempt* attempt);
  AdmissionOutcome TakePlaces(Attempt* attempt);
  void AskExact(uint32_t waiting);
  void EndWaiting(uint32_t waiting, const AdmissionOutcome& outcome);

  void Settle(backends::Ticket ticket, size_t reply_bytes);
  void MeasureLeases(HeldSnapshot& held, net::Duration since_last);

  net::TimePoint now() const { return io_.loop.now(); }
  int64_t now_ns() const { return std::chrono::nanoseconds(now().time_since_epoch()).count(); }
  double Random() { return std::uniform_real_distribution<double>(0, 1)(io_.random); }

  backends::WorkerIo& io_;
  SharedLimits& shared_;
  uint32_t worker_;
  backends::ReplySink& sink_;
  Observer& observer_;
  LimitStore store_;
  bool is_speaker_;
  FollowedRequests followed_;
  net::PlaceList<Waiting, std::deque<Waiting>> waiting_;
  uint32_t beginning_ = kNobody;  // The waiting request whose Admit has not returned yet.
  net::TimePoint last_tick_;
  Attempt scratch_;
  wire::KeyPositions keys_;
};

}  // namespace ringproxy::proxy
