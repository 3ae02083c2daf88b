// tests/support/lease_fleet.h – A fleet of proxies that lease the tokens of one limit from one store, as discrete
// events.
//
// Purpose: the real QuotaLease of every worker against the model of the lease script, with everything that a network
// and a process can do to their talk. Threads: one. Promise: equal options give equal results.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/guard/quota_lease.h"
#include "tests/support/limit_load.h"

namespace ringproxy::test {

struct FleetFaults {
  // Chances, of each question.
  double lost_request = 0;
  double lost_reply = 0;
  double late_reply = 0;  // Later than the timeout.
  double doubled_reply = 0;
  // The store is out of reach; it may have lost its data then. In seconds.
  double outage_from = 0, outage_to = 0;
  bool loses_data = false;
  double crash_every = 0;  // Seconds; 0 = never. One lessee starts anew, with whatever it had in hand gone.
};

struct FleetOptions {
  proxy::LeasePolicy policy;
  FleetSize size;
  FleetFaults faults;
  bool local_share = false;  // While the store fails: each lessee's share of the rate. Else nothing is admitted.
  uint64_t seed = 1;
};

struct FleetResult {
  AdmissionMeter meter;
  uint64_t offered = 0;
  uint64_t store_calls = 0;
  uint64_t failures = 0;
  uint64_t crashes = 0;
  uint64_t most_held = 0;  // Tokens in all lessees' hands.
  double noticed_us = 0;   // From the beginning of the outage until the last of the lessees fell back.
};

FleetResult RunFleet(const FleetOptions& options, const std::vector<Arrival>& arrivals);

// What QuotaLease promises: the most that lessees may owe in all.
double MostCredit(const proxy::LeaseTerms& terms, uint32_t lessees);

}  // namespace ringproxy::test
