// The part of RateLimiter that takes time: requests that wait, and the store.
#include <algorithm>
#include <utility>

#include "proxy/guard/rate_limiter.h"

namespace ringproxy::proxy {
namespace {

// Rounded up: what goes at that time is not a moment too early.
net::Duration Held(int64_t hold_ns) {
  return std::chrono::ceil<net::Duration>(std::chrono::nanoseconds(hold_ns));
}

}  // namespace

// The braces are a hash tag: everything that one bucket needs is on one node.
std::string RateLimiter::StoreKey(const LimitRule& rule, std::string_view value) {
  return std::string("ringproxy:{").append(rule.conf->name).append(":").append(value).append("}");
}

void RateLimiter::AskForLease(HeldSnapshot& held, const LimitRule& rule, LeaseTable::KeptLease& entry) {
  const LeasePolicy& policy = entry.terms.lease;
  const auto request = entry.lease.Ask(policy, now(), shared_.lessees(), Random());
  if (!request) return;
  LimitStore::Question question;
  question.rule = &rule;
  question.bucket = entry.bucket;
  question.key = StoreKey(rule, entry.name);
  question.terms = policy.terms;
  question.request = *request;
  store_.Ask(held, std::move(question));
}

uint32_t RateLimiter::AcquireWaiting() {
  const uint32_t index = waiting_.Acquire();
  Waiting& waiting = waiting_[index];
  if (!waiting.timer) waiting.timer = io_.loop.NewTimer([this, index] { OnTime(index); });
  return index;
}

RateLimiter::Decision RateLimiter::Wait(const AdmissionOutcome& outcome, const ClientIdentity& client,
                                        backends::Ticket ticket) {
  const bool is_held = outcome.step == AdmissionStep::kDone;
  const LimitRule& rule = *(is_held ? scratch_.hold_rule : outcome.rule);
  const net::Duration wait = is_held ? Held(scratch_.hold_ns) : outcome.retry_after;
  if (outcome.step != AdmissionStep::kAskStore && !MayWait(rule, wait)) {
    Undo(&scratch_);
    return Refuse({AdmissionStep::kRefused, &rule, wait});
  }
  const uint32_t index = AcquireWaiting();
  Waiting& waiting = waiting_[index];
  std::swap(waiting.attempt, scratch_);
  HeldSnapshot& held = *waiting.attempt.held;
  waiting.held = SnapshotUse(held);
  for (Charge& charge : waiting.attempt.charges) {
    waiting.attempt.names.push_back(charge.rule->is_global ? held->limits->ValueOf(charge, client) : std::string());
    charge.key = {};  // It is not valid for so long.
  }
  waiting.ticket = ticket;
  waiting.rule = &rule;
  waiting.deadline = now() + rule.conf->max_wait;
  waiting.is_held = false;
  waiting.delayed_by = nullptr;
  StatsOf(rule).waiting.Add();
  beginning_ = index;
  Proceed(index, outcome);
  beginning_ = kNobody;
  return {.verdict = Verdict::kWaits};
}

void RateLimiter::Release(uint32_t index) {
  waiting_[index].held.End();
  waiting_.Release(index);
}

bool RateLimiter::MayWait(const LimitRule& rule, net::Duration wait) const {
  return wait <= rule.conf->max_wait && StatsOf(rule).waiting.value() < rule.conf->max_waiting;
}

bool RateLimiter::DelayBy(uint32_t index, const LimitRule& rule, net::Duration wait) {
  Waiting& waiting = waiting_[index];
  waiting.delayed_by = &rule;
  if (&rule != waiting.rule) {
    // So far it waited for the store, or for another limit.
    if (!MayWait(rule, wait)) return false;
    StatsOf(*waiting.rule).waiting.Subtract(1);
    StatsOf(rule).waiting.Add();
    waiting.rule = &rule;
    waiting.deadline = now() + rule.conf->max_wait;
  }
  return now() + wait <= waiting.deadline;
}

void RateLimiter::Proceed(uint32_t index, const AdmissionOutcome& outcome) {
  Waiting& waiting = waiting_[index];
  switch (outcome.step) {
    case AdmissionStep::kDone: {
      const net::Duration hold = Held(waiting.attempt.hold_ns);
      if (hold == net::Duration(0)) return EndWaiting(index, outcome);
      if (!DelayBy(index, *waiting.attempt.hold_rule, hold)) {
        const LimitRule* const rule = waiting.attempt.hold_rule;
        Undo(&waiting.attempt);
        return EndWaiting(index, {AdmissionStep::kRefused, rule, hold});
      }
      waiting.is_held = true;
      ReturnPlaces(&waiting.attempt);
      return waiting.timer->Arm(hold);
    }
    case AdmissionStep::kRefused: return EndWaiting(index, outcome);
    case AdmissionStep::kTryLater:
      if (!DelayBy(index, *outcome.rule, outcome.retry_after)) {
        return EndWaiting(index, {AdmissionStep::kRefused, outcome.rule, outcome.retry_after});
      }
      return waiting.timer->Arm(outcome.retry_after);
    case AdmissionStep::kAskStore: return AskExact(index);
  }
}

void RateLimiter::OnTime(uint32_t index) {
  Waiting& waiting = waiting_[index];
  if (waiting.is_held) return EndWaiting(index, TakePlaces(&waiting.attempt));
  Proceed(index, Run(&waiting.attempt, nullptr));
}

void RateLimiter::ReturnPlaces(Attempt* attempt) {
  for (Charge& charge : attempt->charges) {
    const bool is_place = charge.terms->bucket.algorithm == conf::LimitAlgorithm::kConcurrency;
    if (!is_place || charge.taken != Source::kTable) continue;
    GiveToTable(charge, charge.terms->bucket);
    charge.taken = Source::kLater;
  }
}

RateLimiter::AdmissionOutcome RateLimiter::TakePlaces(Attempt* attempt) {
  for (Charge& charge : attempt->charges) {
    if (charge.taken != Source::kLater) continue;
    charge.taken = Source::kTable;
    const BucketAnswer answer = TakeFromTable(&charge, charge.terms->bucket, 0);
    if (answer.admitted) continue;
    charge.taken = charge.rule->is_shadow ? Source::kShadow : Source::kNone;
    if (charge.rule->is_shadow) continue;
    Undo(attempt);
    return Refusal(charge, answer.wait_ns);
  }
  return {};
}

void RateLimiter::EndWaiting(uint32_t index, const AdmissionOutcome& outcome) {
  Waiting& waiting = waiting_[index];
  const backends::Ticket ticket = waiting.ticket;
  StatsOf(*waiting.rule).waiting.Subtract(1);
  if (outcome.step == AdmissionStep::kRefused) {
    // Its rule lasts for this turn: no snapshot is given back before its end.
    Release(index);
    return observer_.OnRefused(ticket, Refuse(outcome));
  }
  if (waiting.delayed_by != nullptr) StatsOf(*waiting.delayed_by).delayed.Add();
  const backends::Ticket use = Conclude(waiting.attempt, ticket);
  Release(index);
  observer_.OnAdmitted(ticket, use);
}

void RateLimiter::AskExact(uint32_t index) {
  const Attempt& attempt = waiting_[index].attempt;
  HeldSnapshot& held = *attempt.held;
  const Charge& charge = attempt.charges[attempt.next];
  LimitStore::Question question;
  question.kind = LimitStore::Question::QuestionKind::kExact;
  question.rule = charge.rule;
  question.bucket = index;
  question.key = StoreKey(*charge.rule, attempt.names[attempt.next]);
  question.terms = charge.terms->lease.terms;
  question.request = {.want = charge.cost,
                      .least = charge.cost,
                      .debt = 0,
                      .lessees = shared_.lessees(),
                      .after_outage = StateOf(charge).failing_since.has_value()};
  LimitState& state = StateOf(charge);
  // One request alone finds out whether a store that fails, or an empty bucket, is well again.
  if (state.failing_since) state.next_question = now() + kProbeInterval;
  if (state.refusals.Knows(charge.bucket)) {
    const net::Duration timeout = held->config.global_limits.timeout;
    state.refusals.Note(charge.bucket, charge.cost, now() + timeout, now());
  }
  store_.Ask(held, std::move(question));
}

void RateLimiter::OnStoreAnswer(const LimitStore::Question& question, LimitStore::StoreOutcome outcome,
                                std::string_view reply) {
  if (question.kind == LimitStore::Question::QuestionKind::kMembers) {
    if (const auto count = ParseMembersReply(reply)) shared_.SetProxies(*count);
    return;
  }
  const std::optional<LeaseReply> answer = ParseLeaseReply(reply);
  LimitStats& stats = StatsOf(*question.rule);
  if (outcome == LimitStore::StoreOutcome::kTimeout) {
    stats.store_timeouts.Add();
  } else if (!answer) {
    stats.store_errors.Add();
  } else {
    // A question that only pays what was spent on credit asks for nothing, and is not refused.
    (answer->retry_after == net::Duration(0) ? stats.store_granted : stats.store_refused).Add();
  }
  question.kind == LimitStore::Question::QuestionKind::kExact ? OnExactAnswer(question, answer)
                                                              : OnLeaseAnswer(question, answer);
}

void RateLimiter::OnLeaseAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply) {
  LeaseTable::KeptLease* entry = StateOf(*question.rule).leases.Find(question.bucket);
  if (entry == nullptr) return;
  if (!reply) return entry->lease.OnFailure(now());
  entry->used_thousandths = reply->used_thousandths;
  if (entry->lease.failing_since()) entry->recovering_until = now() + kRecovery;
  entry->lease.OnReply(entry->terms.lease, now(), *reply, Random());
  // What was spent on credit meanwhile is paid at once, or with the next tick if another snapshot is in force.
  if (entry->lease.debt() > 0 && question.held->is_in_force()) AskForLease(*question.held, *question.rule, *entry);
}

void RateLimiter::OnExactAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply) {
  const auto index = static_cast<uint32_t>(question.bucket);
  Waiting& waiting = waiting_[index];
  const Charge& charge = waiting.attempt.charges[waiting.attempt.next];
  LimitState& state = StateOf(*question.rule);
  state.refusals.Forget(charge.bucket);
  if (!reply) {
    if (!state.failing_since) state.failing_since = now();
    state.next_question = now() + kProbeInterval;
  } else {
    state.failing_since.reset();
    if (reply->granted == 0) {
      if (reply->retry_after > net::Duration(0)) {
        state.refusals.Note(charge.bucket, charge.cost, now() + reply->retry_after, now());
      }
      const AdmissionOutcome refusal = Refusal(charge, std::chrono::nanoseconds(reply->retry_after).count());
      Undo(&waiting.attempt);
      return Proceed(index, refusal);
    }
    waiting.attempt.charges[waiting.attempt.next++].taken = Source::kFree;
  }
  // While Admit runs, its caller must not hear of it yet.
  if (index == beginning_) return waiting.timer->Arm(net::Duration(0));
  Proceed(index, Run(&waiting.attempt, nullptr));
}

}  // namespace ringproxy::proxy
