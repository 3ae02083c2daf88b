// proxy/guard/limit_stats.h – What one worker counts of one limit.
//
// Threads: as backends/stats.h: the worker writes, anybody reads.
#pragma once

#include <string>
#include <vector>

#include "backends/stats.h"

namespace ringproxy::proxy {

struct LimitStats {
  backends::Counter admitted;
  backends::Counter refused;
  backends::Counter shadow_refused;  // Let through, since the limit only counts.
  backends::Counter delayed;         // Of those admitted: after a wait.
  backends::Counter near_limit;      // Of those admitted: when at least four fifths of the bucket were used up.
  // Of a global limit.
  backends::Counter store_granted;  // Tokens were taken: fetched ahead, or paid for.
  backends::Counter store_refused;
  backends::Counter store_timeouts;
  backends::Counter store_errors;
  backends::Counter fallback_ms;  // Time in which the store failed for one of the limit's buckets.
  // Now.
  backends::Counter waiting;
  backends::Counter leases;
  backends::Counter lease_tokens;
  backends::Counter failing_leases;
};

// Of one worker's leases, for whoever asks why.
struct LeaseView {
  std::string limit;
  std::string value;  // LimitRules::ValueOf
  uint64_t tokens;
  uint32_t used_thousandths;  // Of the bucket in the store.
  bool is_failing;
};
using LeasesView = std::vector<LeaseView>;

}  // namespace ringproxy::proxy
