#include "proxy/guard/admission.h"

namespace ringproxy::proxy {

AdmissionOutcome RefusalBy(const Charge& charge, int64_t wait_ns) {
  const conf::Limit& limit = *charge.rule->conf;
  // The process's own buckets have said already when it may go; a lease cannot.
  const bool may_wait = limit.action == conf::LimitAction::kDelay && charge.rule->is_global && wait_ns > 0;
  // Rounded up, or a timer would come a moment too early.
  const net::Duration retry_after(wait_ns < 0 ? wait_ns : (wait_ns + 999) / 1000);
  return {may_wait ? AdmissionStep::kTryLater : AdmissionStep::kRefused, charge.rule, retry_after};
}

AdmissionOutcome Admission::Look(const AdmissionAttempt& attempt) {
  for (const Charge& charge : attempt.charges) {
    // A limit that only counts refuses nobody, and Take counts what it would have said.
    if (charge.rule->is_shadow) continue;
    const BucketAnswer answer = SourceOf(charge).Look(charge, *attempt.held);
    if (!answer.admitted) return RefusalBy(charge, answer.wait_ns);
  }
  return {};
}

AdmissionOutcome Admission::Run(AdmissionAttempt* attempt, const ClientIdentity* client) {
  // A single bucket needs no look: Take says the same in one step. An exact one is looked at all the same, for what the
  // store has refused a moment ago need not be asked again.
  const bool is_alone = attempt->charges.size() == 1 && !attempt->charges.front().rule->is_exact;
  if (attempt->next == 0 && !is_alone) {
    const AdmissionOutcome look = Look(*attempt);
    if (look.step != AdmissionStep::kDone) return look;
  }
  for (; attempt->next < attempt->charges.size(); ++attempt->next) {
    Charge& charge = attempt->charges[attempt->next];
    BucketSource& source = SourceOf(charge);
    if (source.MustAsk(charge)) return {AdmissionStep::kAskStore, charge.rule, {}};
    const std::string* const name = client == nullptr ? &attempt->names[attempt->next] : nullptr;
    const BucketAnswer answer = source.Take(&charge, {*attempt->held, client, name});
    if (answer.admitted) {
      charge.is_near_limit = answer.near_limit;
      // The longest wait is enough for all buckets that delay the request.
      if (answer.wait_ns > attempt->hold_ns) {
        attempt->hold_ns = answer.wait_ns;
        attempt->hold_rule = charge.rule;
      }
    } else if (charge.rule->is_shadow) {
      charge.taken = Source::kShadow;
    } else {
      const AdmissionOutcome outcome = RefusalBy(charge, answer.wait_ns);
      Undo(attempt);
      return outcome;
    }
  }
  return {};
}

void Admission::Undo(AdmissionAttempt* attempt) {
  // What stands at `next` has refused, so it has taken nothing.
  for (size_t i = 0; i < attempt->next; ++i) {
    Charge& charge = attempt->charges[i];
    SourceOf(charge).GiveBack(charge);
    charge.taken = Source::kNone;
  }
  attempt->next = 0;
  attempt->hold_ns = 0;
}

void Admission::ReturnPlaces(AdmissionAttempt* attempt) {
  for (Charge& charge : attempt->charges) {
    const bool is_place = charge.terms->bucket.algorithm == conf::LimitAlgorithm::kConcurrency;
    if (!is_place || charge.taken != Source::kTable) continue;
    local_.GiveBack(charge);
    charge.taken = Source::kLater;
  }
}

AdmissionOutcome Admission::TakePlaces(AdmissionAttempt* attempt) {
  for (Charge& charge : attempt->charges) {
    if (charge.taken != Source::kLater) continue;
    // Others may have taken the places while the request was held.
    const BucketAnswer answer = local_.Take(&charge);
    if (answer.admitted) continue;
    charge.taken = charge.rule->is_shadow ? Source::kShadow : Source::kNone;
    if (charge.rule->is_shadow) continue;
    Undo(attempt);
    return RefusalBy(charge, answer.wait_ns);
  }
  return {};
}

}  // namespace ringproxy::proxy
