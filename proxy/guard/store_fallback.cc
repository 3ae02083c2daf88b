#include "proxy/guard/store_fallback.h"

#include <algorithm>

namespace ringproxy::proxy {

BucketLimit StoreFallback::ShareOf(const Charge& charge) const {
  BucketLimit share = charge.terms->bucket;
  share.interval_ns *= shared_.proxies();
  share.tolerance_ns = std::max(share.tolerance_ns, share.interval_ns);
  return share;
}

BucketAnswer StoreFallback::Take(Charge* charge, net::TimePoint failing_since) {
  charge->taken = Source::kFree;
  switch (charge->rule->conf->on_store_failure) {
    case conf::StoreFailure::kOpen: return {.admitted = true};
    case conf::StoreFailure::kClosed:
      return {.admitted = false, .wait_ns = std::chrono::nanoseconds(kStoreProbeInterval).count()};
    case conf::StoreFailure::kLocal: break;
  }
  charge->taken = Source::kFallback;
  // It begins empty: what the fleet's bucket had may have been spent a moment ago.
  return TakeFromTable(charge, ShareOf(*charge), clock_.now(), Nanoseconds(failing_since));
}

void StoreFallback::GiveBack(const Charge& charge) {
  if (charge.taken == Source::kFallback) GiveToTable(charge, ShareOf(charge));
}

}  // namespace ringproxy::proxy
