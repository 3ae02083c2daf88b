// proxy/guard/exact_buckets.h – The fleet's buckets that the store is asked about once a request (check: exact).
//
// Purpose: knows of which the store has just said that they are empty, and whether it fails: then one request alone
// tries it now and then, and the others go by the fallback.
// Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include <optional>

#include "proxy/guard/lease_script.h"
#include "proxy/guard/store_fallback.h"

namespace ringproxy::proxy {

class ExactBuckets final : public BucketSource {
 public:
  ExactBuckets(const net::Clock& clock, uint32_t worker, StoreFallback& fallback)
      : clock_(clock), worker_(worker), fallback_(fallback) {}

  BucketAnswer Look(const Charge& charge, HeldSnapshot& held) override;
  bool MustAsk(const Charge& charge) const override;
  BucketAnswer Take(Charge* charge, const ChargedRequest& request) override;
  void GiveBack(const Charge& charge) override { fallback_.GiveBack(charge); }
  void Settle(const Charge&, HeldSnapshot&, size_t) override {}

  // The store is asked about the request; it has answered, or has not.
  void OnAsked(const Charge& charge, net::Duration store_timeout);
  void OnAnswer(const Charge& charge, const std::optional<LeaseReply>& reply);

 private:
  LimitState& StateOf(const Charge& charge) const { return charge.rule->record->state(worker_); }

  const net::Clock& clock_;
  uint32_t worker_;
  StoreFallback& fallback_;
};

}  // namespace ringproxy::proxy
