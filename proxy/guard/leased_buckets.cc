#include "proxy/guard/leased_buckets.h"

namespace ringproxy::proxy {
namespace {

int64_t InNanoseconds(net::Duration time) {
  return std::chrono::nanoseconds(time).count();
}

}  // namespace

BucketAnswer LeasedBuckets::Look(const Charge& charge, HeldSnapshot& held) {
  LeaseTable::KeptLease* entry = LeasesOf(charge).Find(charge.bucket);
  // Take decides: about a new bucket by its credit, while the store fails by the fallback.
  if (entry == nullptr || entry->lease.failing_since()) return {.admitted = true};
  const LeasePolicy& policy = charge.terms->lease;
  if (entry->lease.Peek(policy, clock_.now(), charge.cost, shared_.lessees()).admitted) return {.admitted = true};
  // It takes nothing, but has to hear of the demand and to ask for it.
  const QuotaLease::Answer answer = entry->lease.Take(policy, clock_.now(), charge.cost, shared_.lessees());
  desk_.AskForLease(held, *charge.rule, *entry);
  return {.admitted = false, .wait_ns = InNanoseconds(answer.retry_after)};
}

BucketAnswer LeasedBuckets::Take(Charge* charge, const ChargedRequest& request) {
  const net::TimePoint now = clock_.now();
  LeaseTable::KeptLease& entry =
      LeasesOf(*charge).Get(charge->bucket, *charge->terms, now, [&] { return request.NameOf(*charge); });
  charge->taken = Source::kLease;
  // Also while the store fails: the lease spends what it holds, and tries the store again as long as there is demand.
  const QuotaLease::Answer answer = entry.lease.Take(entry.terms.lease, now, charge->cost, shared_.lessees());
  desk_.AskForLease(request.held, *charge->rule, entry);
  if (entry.lease.failing_since() && !answer.admitted) return fallback_.Take(charge, *entry.lease.failing_since());
  const bool is_local = charge->rule->conf->on_store_failure == conf::StoreFailure::kLocal;
  if (answer.admitted && is_local && now < entry.recovering_until) {
    // Others may still spend their shares: until they have found the store too, nobody takes more than that.
    const BucketAnswer share = fallback_.Take(charge, entry.recovering_until - LeaseDesk::kRecovery);
    // The fallback has noted its own bucket, but what an Undo gives back are the lease's tokens.
    charge->taken = Source::kLease;
    if (!share.admitted) {
      entry.lease.GiveBack(charge->cost);
      return share;
    }
  }
  // Four fifths, as with the process's own buckets.
  constexpr uint32_t kNear = 800;
  return {.admitted = answer.admitted,
          .near_limit = entry.used_thousandths >= kNear,
          .wait_ns = answer.admitted ? 0 : InNanoseconds(answer.retry_after)};
}

void LeasedBuckets::GiveBack(const Charge& charge) {
  if (charge.taken != Source::kLease) return fallback_.GiveBack(charge);
  if (LeaseTable::KeptLease* entry = LeasesOf(charge).Find(charge.bucket)) entry->lease.GiveBack(charge.cost);
}

void LeasedBuckets::Settle(const Charge& charge, HeldSnapshot& held, size_t reply_bytes) {
  const uint64_t debt = DebtOf(charge, reply_bytes);
  LeaseTable::KeptLease* entry = debt > 0 ? LeasesOf(charge).Find(charge.bucket) : nullptr;
  if (entry == nullptr) return;
  entry->lease.Charge(charge.terms->lease, clock_.now(), debt);
  desk_.AskForLease(held, *charge.rule, *entry);
}

}  // namespace ringproxy::proxy
