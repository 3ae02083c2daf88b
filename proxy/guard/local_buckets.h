// proxy/guard/local_buckets.h – The buckets that all workers of the process share.
//
// Threads: its worker's; the tables are any thread's. Lifetime: the clock outlives it.
#pragma once

#include "proxy/guard/bucket_source.h"
#include "proxy/guard/limit_record.h"

namespace ringproxy::proxy {

// By the clock of the tables.
inline int64_t Nanoseconds(net::TimePoint time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

// Of the charge's limit, by whichever bound. `fresh_ns`: see BucketTable::Take.
BucketAnswer TakeFromTable(Charge* charge, const BucketLimit& limit, net::TimePoint now, int64_t fresh_ns);
void GiveToTable(const Charge& charge, const BucketLimit& limit);

class LocalBuckets final : public BucketSource {
 public:
  explicit LocalBuckets(const net::Clock& clock) : clock_(clock) {}

  BucketAnswer Look(const Charge& charge, HeldSnapshot& held) override;
  BucketAnswer Take(Charge* charge, const ChargedRequest&) override { return Take(charge); }
  BucketAnswer Take(Charge* charge) {
    charge->taken = Source::kTable;
    return TakeFromTable(charge, charge->terms->bucket, clock_.now(), 0);
  }
  void GiveBack(const Charge& charge) override;
  void Settle(const Charge& charge, HeldSnapshot& held, size_t reply_bytes) override;

 private:
  const net::Clock& clock_;
};

}  // namespace ringproxy::proxy
