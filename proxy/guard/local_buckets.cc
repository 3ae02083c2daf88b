#include "proxy/guard/local_buckets.h"

namespace ringproxy::proxy {

BucketAnswer TakeFromTable(Charge* charge, const BucketLimit& limit, net::TimePoint now, int64_t fresh_ns) {
  // A return needs this very time, without which what was refilled since cannot be told from what was taken.
  charge->taken_ns = Nanoseconds(now);
  const BucketAnswer answer =
      charge->rule->record->table().Take(charge->bucket, limit, charge->taken_ns, charge->cost, fresh_ns);
  charge->is_in_shared_bucket = answer.overflowed;
  return answer;
}

void GiveToTable(const Charge& charge, const BucketLimit& limit) {
  charge.rule->record->table().Return(charge.bucket, limit, charge.taken_ns, charge.cost, charge.is_in_shared_bucket);
}

BucketAnswer LocalBuckets::Look(const Charge& charge, HeldSnapshot&) {
  const BucketTable& table = charge.rule->record->table();
  return table.Peek(charge.bucket, charge.terms->bucket, Nanoseconds(clock_.now()), charge.cost);
}

void LocalBuckets::GiveBack(const Charge& charge) {
  if (charge.taken == Source::kTable) GiveToTable(charge, charge.terms->bucket);
}

void LocalBuckets::Settle(const Charge& charge, HeldSnapshot&, size_t reply_bytes) {
  const BucketLimit& bucket = charge.terms->bucket;
  if (bucket.algorithm == conf::LimitAlgorithm::kConcurrency) return GiveToTable(charge, bucket);
  if (const uint64_t debt = DebtOf(charge, reply_bytes); debt > 0)
    charge.rule->record->table().Charge(charge.bucket, bucket, Nanoseconds(clock_.now()), debt);
}

}  // namespace ringproxy::proxy
