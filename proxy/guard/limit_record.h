// proxy/guard/limit_record.h – What the process knows of one limit, under the limit's name: its buckets, and for each
// worker what that has counted, leased and been refused.
//
// Purpose: it outlives the configuration that names it, so that a limit whose rate is changed goes on from where it is.
// Threads: the buckets are any thread's, the statistics as backends/stats.h; all else of a worker's part is its own.
// Ownership: shared by the rules of the snapshots that name it.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "proxy/guard/bucket_table.h"
#include "proxy/guard/lease_table.h"
#include "proxy/guard/limit_stats.h"
#include "proxy/guard/refusal_memory.h"

namespace ringproxy::proxy {

// One worker's part of a limit.
struct alignas(64) LimitState {
  explicit LimitState(size_t buckets) : leases(buckets), refusals(buckets) {}

  // check: exact. Also that nobody has asked for a while is the end of a failure, as it is with a lease.
  bool IsFailing(net::TimePoint now) const { return failing_since && now < next_question + std::chrono::seconds(1); }

  LimitStats stats;
  uint32_t delayed = 0;  // Requests that wait until the limit admits them; not those that wait for the store's word.
  LeaseTable leases;
  RefusalMemory refusals;  // check: exact
  // check: exact. While the store fails it is asked now and then only.
  std::optional<net::TimePoint> failing_since;
  net::TimePoint next_question{};
};

class LimitRecord {
 public:
  LimitRecord(const conf::Limit& limit, uint32_t workers);

  // Whether its buckets can go on being those of the limit: it is called the same, and counts in the same way.
  bool Fits(const conf::Limit& limit) const;
  const std::string& name() const { return limit_.name; }
  // Under a global limit, what the process goes by while the store fails.
  BucketTable& table() { return table_; }
  const BucketTable& table() const { return table_; }
  LimitState& state(uint32_t worker) { return states_[worker]; }
  const LimitState& state(uint32_t worker) const { return states_[worker]; }
  // Over all workers.
  uint64_t Sum(backends::Counter LimitStats::*counter) const;

 private:
  conf::Limit limit_;  // As it was when the record was made.
  BucketTable table_;
  std::deque<LimitState> states_;  // By worker.
};

}  // namespace ringproxy::proxy
