// proxy/guard/leased_buckets.h – The fleet's buckets of which a worker holds leases.
//
// Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include "proxy/guard/lease_desk.h"
#include "proxy/guard/store_fallback.h"

namespace ringproxy::proxy {

class LeasedBuckets final : public BucketSource {
 public:
  LeasedBuckets(const net::Clock& clock, const SharedLimits& shared, uint32_t worker, LeaseDesk& desk,
                StoreFallback& fallback)
      : clock_(clock), shared_(shared), worker_(worker), desk_(desk), fallback_(fallback) {}

  BucketAnswer Look(const Charge& charge, HeldSnapshot& held) override;
  BucketAnswer Take(Charge* charge, const ChargedRequest& request) override;
  void GiveBack(const Charge& charge) override;
  void Settle(const Charge& charge, HeldSnapshot& held, size_t reply_bytes) override;

 private:
  LeaseTable& LeasesOf(const Charge& charge) const { return charge.rule->record->state(worker_).leases; }

  const net::Clock& clock_;
  const SharedLimits& shared_;
  uint32_t worker_;
  LeaseDesk& desk_;
  StoreFallback& fallback_;
};

}  // namespace ringproxy::proxy
