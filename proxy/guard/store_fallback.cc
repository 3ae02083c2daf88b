#include "proxy/guard/store_fallback.h"

#include <algorithm>
#include <limits>

namespace ringproxy::proxy {
namespace {

// The number of proxies is the store's word: no sum of times shall overflow by it.
constexpr int64_t kLongestInterval = std::numeric_limits<int64_t>::max() / 4;

// This process's part of what all proxies have in common.
BucketLimit ShareOf(const Charge& charge) {
  BucketLimit share = charge.terms->bucket;
  const int64_t proxies = charge.proxies;
  share.interval_ns = share.interval_ns > kLongestInterval / proxies ? kLongestInterval : share.interval_ns * proxies;
  // A share of less than one token would never admit anything.
  share.tolerance_ns = std::max(share.tolerance_ns, share.interval_ns);
  return share;
}

}  // namespace

BucketAnswer StoreFallback::Take(Charge* charge, net::TimePoint failing_since) {
  charge->taken = Source::kFree;
  switch (charge->rule->conf->on_store_failure) {
    case conf::StoreFailure::kOpen: return {.admitted = true};
    case conf::StoreFailure::kClosed:
      return {.admitted = false, .wait_ns = std::chrono::nanoseconds(kStoreProbeInterval).count()};
    case conf::StoreFailure::kLocal: break;
  }
  charge->taken = Source::kFallback;
  charge->proxies = shared_.proxies();
  // It begins empty: what the fleet's bucket had may have been spent a moment ago.
  return TakeFromTable(charge, ShareOf(*charge), clock_.now(), Nanoseconds(failing_since));
}

void StoreFallback::GiveBack(const Charge& charge) {
  if (charge.taken == Source::kFallback) GiveToTable(charge, ShareOf(charge));
}

}  // namespace ringproxy::proxy
