// proxy/guard/rate_limiter.h – Whether a request may be sent: all limits on all levels, in one worker.
//
// Purpose: asks the buckets of a request in turn, those of its connection, of the process, of the fleet, and stops at
// the first refusal. All that apply have to admit it: they are looked at before any is charged, and what was charged is
// given back when a later one refuses after all. A request that has to wait (action: delay, check: exact) is reported
// later to the observer; its client's further requests wait behind it, nobody else does.
// Threads: its worker's; the process's buckets and rules are shared. Lifetime: what Parts refer to outlives it.
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

class RateLimiter final : private LimitStore::Asker {
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
  struct Parts {
    backends::WorkerIo& io;
    SharedLimits& shared;
    std::shared_ptr<const Snapshot> snapshot;
    std::span<backends::NodePool> pools;
    backends::ReplySink& sink;
    Observer& observer;
    std::span<LimitStats> stats;  // By rule.
  };

  explicit RateLimiter(const Parts& parts);

  bool MayConcern(uint32_t listener, uint32_t command) const { return rules_.MayConcern(listener, command); }
  // Never calls the observer before it returns. kAdmitted: `ticket` may have become another one, which is to be used.
  Decision Admit(const LimitedRequest& asked, backends::Ticket* ticket);
  bool has_priorities() const { return rules_.has_priorities(); }
  bool HasPriority(const LimitedRequest& asked) { return has_priorities() && rules_.HasPriority(asked, &keys_); }
  // An admitted request that is not sent after all: its client has left.
  void Abandon(backends::Ticket ticket);

  // Of tickets of Kind::kLimit and Kind::kStore.
  void OnReply(backends::Ticket ticket, std::string_view reply);
  void OnLargeReply(backends::Ticket ticket, net::Block reply);
  void OnFailure(backends::Ticket ticket, const wire::Failure& failure);

  // Now, and then about once a second: tells the store that the process lives, measures what is shown.
  void Tick();

  // Requests under way that a limit waits for.
  size_t followed() const { return followed_.open(); }
  // What is shown of the leases: some of each limit.
  std::shared_ptr<const LeasesView> View() const;

 private:
  // The way of one request through its buckets.
  struct Attempt {
    std::vector<Charge> charges;
    std::vector<std::string> names;  // As charges, once it waits: buckets of the store.
    size_t next = 0;                 // The charge to ask next.
    int64_t hold_ns = 0;             // The longest wait that a bucket has asked for …
    uint32_t hold_rule = 0;          // … and whose it is.
  };
  // A store that fails is asked again after this.
  static constexpr net::Duration kProbeInterval = std::chrono::milliseconds(50);
  // Proxies find a store that is back within such a time of each other.
  static constexpr net::Duration kRecovery = std::chrono::seconds(1);
  enum class Step : uint8_t { kDone, kRefused, kAskStore, kTryLater };
  struct Outcome {
    Step step = Step::kDone;
    uint32_t rule = 0;
    net::Duration retry_after{0};
  };
  static constexpr uint32_t kNobody = UINT32_MAX;
  struct Waiting {
    backends::Ticket ticket;
    Attempt attempt;
    net::TimePoint deadline{};
    uint32_t rule = 0;              // That made it wait first.
    uint32_t delayed_by = kNobody;  // The limit that has delayed it.
    bool is_held = false;           // Every bucket has admitted it; only the time has to pass.
    std::unique_ptr<net::Timer> timer;
  };
  // Of a rule.
  struct State {
    explicit State(const LimitRule& rule) : leases(rule.conf->buckets, rule.terms), refusals(rule.conf->buckets) {}
    LeaseTable leases;
    RefusalMemory refusals;  // check: exact
    // check: exact. While the store fails it is asked now and then only.
    std::optional<net::TimePoint> failing_since;
    net::TimePoint next_question{};
    // Also that nobody has asked for a while is the end of a failure, as it is with a lease.
    bool IsFailing(net::TimePoint now) const { return failing_since && now < next_question + std::chrono::seconds(1); }
  };

  void OnStoreAnswer(const LimitStore::Question& question, LimitStore::Outcome outcome,
                     std::string_view reply) override;
  void OnLeaseAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply);
  void OnExactAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply);

  // `client`: whose request it is, while that is known.
  Outcome Run(Attempt* attempt, const ClientIdentity* client);
  // The first look, at all of them; kDone when each would admit it.
  Outcome Look(const Attempt& attempt);
  Outcome Refusal(const Charge& charge, int64_t wait_ns) const;
  BucketAnswer Take(Attempt* attempt, size_t i, const ClientIdentity* client);
  BucketAnswer TakeLease(Attempt* attempt, size_t i, const ClientIdentity* client);
  BucketAnswer FallBack(Charge* charge, net::TimePoint failing_since);
  BucketAnswer TakeFromTable(Charge* charge, const BucketLimit& limit, int64_t fresh_ns);
  void GiveToTable(const Charge& charge, const BucketLimit& limit);
  void Undo(Attempt* attempt);
  State& StateOf(const Charge& charge) { return states_[charge.rule->index]; }
  const State& StateOf(const Charge& charge) const { return states_[charge.rule->index]; }
  BucketTable& TableOf(const Charge& charge) { return shared_.table(charge.rule->index); }
  // How long the store has refused it for.
  net::Duration RefusedFor(const Charge& charge) const;
  // Every request of it has to ask the store, and may.
  bool NeedsStore(const Charge& charge) const;
  std::string StoreKey(uint32_t rule, std::string_view value) const;
  void AskForLease(uint32_t rule, LeaseTable::Entry& entry);

  Decision Refuse(const Outcome& outcome);
  backends::Ticket Conclude(const Attempt& attempt, backends::Ticket ticket);
  // Once a request, however often its buckets were asked.
  void CountAdmitted(const Attempt& attempt);
  // Keeps what scratch_ has reached, until the time has passed or the store has answered.
  Decision Wait(const Outcome& outcome, const ClientIdentity& client, backends::Ticket ticket);
  uint32_t AcquireWaiting();
  void Proceed(uint32_t waiting, const Outcome& outcome);
  void OnTime(uint32_t waiting);
  bool MayWait(uint32_t rule, net::Duration wait) const;
  // From now on the limit `rule` delays it; false: too many wait for that already, or it would be too long.
  bool DelayBy(uint32_t waiting, uint32_t rule, net::Duration wait);
  // Places of limits on concurrency are for requests that are under way.
  void ReturnPlaces(Attempt* attempt);
  Outcome TakePlaces(Attempt* attempt);
  void AskExact(uint32_t waiting);
  void EndWaiting(uint32_t waiting, const Outcome& outcome);

  void Settle(backends::Ticket ticket, size_t reply_bytes);
  void MeasureLeases(net::Duration since_last);

  net::TimePoint now() const { return io_.loop.now(); }
  int64_t now_ns() const { return std::chrono::nanoseconds(now().time_since_epoch()).count(); }
  double Random() { return std::uniform_real_distribution<double>(0, 1)(io_.random); }

  backends::WorkerIo& io_;
  SharedLimits& shared_;
  const LimitRules& rules_;
  std::shared_ptr<const Snapshot> snapshot_;
  backends::ReplySink& sink_;
  Observer& observer_;
  std::span<LimitStats> stats_;
  std::unique_ptr<LimitStore> store_;  // If there are global limits.
  bool is_speaker_ = false;
  std::vector<State> states_;  // By rule.
  FollowedRequests followed_;
  net::PlaceList<Waiting, std::deque<Waiting>> waiting_;
  uint32_t beginning_ = kNobody;  // The waiting request whose Admit has not returned yet.
  net::TimePoint last_tick_;
  Attempt scratch_;
  wire::KeyPositions keys_;
};

}  // namespace ringproxy::proxy
