// proxy/guard/store_fallback.h – What becomes of requests under the fleet's limits while the store fails.
//
// Purpose: conf::StoreFailure. Under kLocal the process goes by its share of the limit, in buckets of its own.
// Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include "proxy/guard/local_buckets.h"
#include "proxy/guard/shared_limits.h"

namespace ringproxy::proxy {

// A store that fails is asked again after this.
inline constexpr net::Duration kStoreProbeInterval = std::chrono::milliseconds(50);

class StoreFallback {
 public:
  StoreFallback(const net::Clock& clock, const SharedLimits& shared) : clock_(clock), shared_(shared) {}

  BucketAnswer Take(Charge* charge, net::TimePoint failing_since);
  void GiveBack(const Charge& charge);

 private:
  const net::Clock& clock_;
  const SharedLimits& shared_;
};

}  // namespace ringproxy::proxy
