// tests/support/limit_references.h – What others do to hold one limit over many proxies, as small as it can be written.
//
// Each sees the arrivals that the leases see. Threads: pure functions.
#pragma once

#include <string_view>

#include "tests/support/limit_load.h"

namespace ringproxy::test {

struct ReferenceResult {
  std::string_view name;
  AdmissionMeter meter;
  uint64_t store_calls = 0;
};

// Each worker has a bucket of its share.
ReferenceResult RunStaticSplit(const proxy::LeaseTerms& terms, FleetSize size, const std::vector<Arrival>& arrivals);
// INCR of the second's counter for each request, which waits for it. There is no burst: `rate` a window.
ReferenceResult RunStoreWindow(const proxy::LeaseTerms& terms, const std::vector<Arrival>& arrivals, uint64_t seed);
// Each worker decides by its own copy of the bucket, and every 100 ms tells what it has admitted and hears what is
// left.
ReferenceResult RunSharedCounters(const proxy::LeaseTerms& terms, FleetSize size, const std::vector<Arrival>& arrivals);

}  // namespace ringproxy::test
