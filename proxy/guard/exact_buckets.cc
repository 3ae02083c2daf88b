#include "proxy/guard/exact_buckets.h"

namespace ringproxy::proxy {

BucketAnswer ExactBuckets::Look(const Charge& charge, HeldSnapshot&) {
  const LimitState& state = StateOf(charge);
  // A store that fails has the fallback decide, and only Take asks that.
  if (state.failing_since) return {.admitted = true};
  const net::Duration refused = state.refusals.Refused(charge.bucket, charge.cost, clock_.now());
  return {.admitted = refused == net::Duration(0), .wait_ns = std::chrono::nanoseconds(refused).count()};
}

bool ExactBuckets::MustAsk(const Charge& charge) const {
  const LimitState& state = StateOf(charge);
  return !state.failing_since || clock_.now() >= state.next_question;
}

BucketAnswer ExactBuckets::Take(Charge* charge, const ChargedRequest&) {
  // There is such a time: unless the store fails, MustAsk says yes and nobody comes here.
  return fallback_.Take(charge, *StateOf(*charge).failing_since);
}

// One request alone finds out whether a store that fails, or an empty bucket, is well again.
void ExactBuckets::OnAsked(const Charge& charge, net::Duration store_timeout) {
  LimitState& state = StateOf(charge);
  const net::TimePoint now = clock_.now();
  if (state.failing_since) state.next_question = now + kStoreProbeInterval;
  // The others are refused as before while this one asks. The timeout ends that, should no answer come.
  if (state.refusals.Knows(charge.bucket)) state.refusals.Note(charge.bucket, charge.cost, now + store_timeout, now);
}

void ExactBuckets::OnAnswer(const Charge& charge, const std::optional<LeaseReply>& reply) {
  LimitState& state = StateOf(charge);
  const net::TimePoint now = clock_.now();
  state.refusals.Forget(charge.bucket);
  if (!reply) {
    if (!state.failing_since) state.failing_since = now;
    state.next_question = now + kStoreProbeInterval;
    return;
  }
  state.failing_since.reset();
  // A cost that the bucket never holds is that request's own fault and says nothing about others.
  if (reply->granted == 0 && reply->retry_after > net::Duration(0))
    state.refusals.Note(charge.bucket, charge.cost, now + reply->retry_after, now);
}

}  // namespace ringproxy::proxy
