// proxy/guard/lease_desk.h – What one worker asks the store of limits, and what becomes of the answers.
//
// Purpose: asks for leases, tells the store that the process lives, hands on what it says of single requests, and shows
// the leases. Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/guard/limit_stats.h"
#include "proxy/guard/limit_store.h"
#include "proxy/guard/shared_limits.h"

namespace ringproxy::proxy {

class LeaseDesk final : private LimitStore::Asker {
 public:
  // Proxies find a store that is back within such a time of each other.
  static constexpr net::Duration kRecovery = std::chrono::seconds(1);

  class ExactAsker {
   public:
    // The store has spoken of the request that waits under this number; nothing: it has not in time, or it fails.
    virtual void OnExactAnswer(uint32_t waiting, const std::optional<LeaseReply>& reply) = 0;

   protected:
    ~ExactAsker() = default;
  };

  LeaseDesk(backends::WorkerIo& io, SharedLimits& shared, uint32_t worker, ExactAsker& exact);

  // For tickets of Kind::kStore.
  backends::ReplySink& sink() { return store_; }
  // If the lease wants anything.
  void AskForLease(HeldSnapshot& held, const LimitRule& rule, LeaseTable::KeptLease& entry);
  // For one request, which waits. `name`: of its bucket. May be answered before it returns.
  void AskExact(HeldSnapshot& held, const Charge& charge, std::string_view name, uint32_t waiting);

  // Now, and then about once a second: tells the store that the process lives, measures what is shown.
  void Tick(HeldSnapshot& held);
  // Some leases of each limit.
  std::shared_ptr<const LeasesView> View(const Snapshot& snapshot) const;

 private:
  void OnStoreAnswer(const LimitStore::Question& question, LimitStore::StoreOutcome outcome,
                     std::string_view reply) override;
  void OnLeaseAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply);
  void MeasureLeases(HeldSnapshot& held, net::Duration since_last);
  LimitState& StateOf(const LimitRule& rule) const { return rule.record->state(worker_); }
  net::TimePoint now() const { return io_.loop.now(); }
  double Random() { return std::uniform_real_distribution<double>(0, 1)(io_.random); }

  backends::WorkerIo& io_;
  SharedLimits& shared_;
  uint32_t worker_;
  ExactAsker& exact_;
  LimitStore store_;
  bool is_speaker_;
  net::TimePoint last_tick_;
};

}  // namespace ringproxy::proxy
