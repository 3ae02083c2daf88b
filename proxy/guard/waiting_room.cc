#include "proxy/guard/waiting_room.h"

#include <utility>

namespace ringproxy::proxy {
namespace {

// Rounded up: what goes at that time is not a moment too early.
net::Duration Held(int64_t hold_ns) {
  return std::chrono::ceil<net::Duration>(std::chrono::nanoseconds(hold_ns));
}

}  // namespace

uint32_t WaitingRoom::Acquire() {
  const uint32_t index = waiting_.Acquire();
  Waiting& waiting = waiting_[index];
  if (!waiting.timer) waiting.timer = loop_.NewTimer([this, index] { OnTime(index); });
  return index;
}

std::optional<AdmissionOutcome> WaitingRoom::Enter(AdmissionAttempt* attempt, const AdmissionOutcome& outcome,
                                                   const ClientIdentity& client, backends::Ticket ticket) {
  const bool is_held = outcome.step == AdmissionStep::kDone;
  const LimitRule& rule = *(is_held ? attempt->hold_rule : outcome.rule);
  const net::Duration wait = is_held ? Held(attempt->hold_ns) : outcome.retry_after;
  // Who waits for the store's word needs no such leave: its timeout bounds the wait, and max_waiting is about delays.
  if (outcome.step != AdmissionStep::kAskStore && !MayWait(rule, wait)) {
    admission_.Undo(attempt);
    return AdmissionOutcome{AdmissionStep::kRefused, &rule, wait};
  }
  const uint32_t index = Acquire();
  Waiting& waiting = waiting_[index];
  // The caller keeps the memory of an earlier attempt, so that neither side allocates.
  std::swap(waiting.attempt, *attempt);
  HeldSnapshot& held = *waiting.attempt.held;
  waiting.held = SnapshotUse(held);
  for (Charge& charge : waiting.attempt.charges) {
    waiting.attempt.names.push_back(charge.rule->is_global ? held->limits->ValueOf(charge, client) : std::string());
    charge.key = {};  // It is not valid for so long.
  }
  waiting.ticket = ticket;
  waiting.rule = &rule;
  waiting.deadline = loop_.now() + rule.conf->max_wait;
  waiting.is_held = false;
  waiting.delayed_by = nullptr;
  StatsOf(rule).waiting.Add();
  entering_ = index;
  Proceed(index, outcome);
  entering_ = kNobody;
  return std::nullopt;
}

bool WaitingRoom::MayWait(const LimitRule& rule, net::Duration wait) const {
  return wait <= rule.conf->max_wait && StateOf(rule).delayed < rule.conf->max_waiting;
}

bool WaitingRoom::DelayBy(uint32_t index, const LimitRule& rule, net::Duration wait) {
  Waiting& waiting = waiting_[index];
  if (&rule != waiting.delayed_by) {
    // So far it waited for the store, or for another limit.
    if (!MayWait(rule, wait)) return false;
    if (waiting.delayed_by != nullptr) --StateOf(*waiting.delayed_by).delayed;
    ++StateOf(rule).delayed;
    waiting.delayed_by = &rule;
  }
  if (&rule != waiting.rule) {
    StatsOf(*waiting.rule).waiting.Subtract(1);
    StatsOf(rule).waiting.Add();
    waiting.rule = &rule;
    // max_wait is each limit's own: it begins when that limit does.
    waiting.deadline = loop_.now() + rule.conf->max_wait;
  }
  return loop_.now() + wait <= waiting.deadline;
}

void WaitingRoom::Proceed(uint32_t index, const AdmissionOutcome& outcome) {
  Waiting& waiting = waiting_[index];
  switch (outcome.step) {
    case AdmissionStep::kDone: {
      const net::Duration hold = Held(waiting.attempt.hold_ns);
      if (hold == net::Duration(0)) return End(index, outcome);
      if (!DelayBy(index, *waiting.attempt.hold_rule, hold)) {
        const LimitRule* const rule = waiting.attempt.hold_rule;
        admission_.Undo(&waiting.attempt);
        return End(index, {AdmissionStep::kRefused, rule, hold});
      }
      waiting.is_held = true;
      admission_.ReturnPlaces(&waiting.attempt);
      return waiting.timer->Arm(hold);
    }
    case AdmissionStep::kRefused: return End(index, outcome);
    case AdmissionStep::kTryLater:
      // Nothing has to be given back here: whoever says kTryLater has done so.
      if (!DelayBy(index, *outcome.rule, outcome.retry_after)) {
        return End(index, {AdmissionStep::kRefused, outcome.rule, outcome.retry_after});
      }
      return waiting.timer->Arm(outcome.retry_after);
    case AdmissionStep::kAskStore: return AskExact(index);
  }
}

void WaitingRoom::OnTime(uint32_t index) {
  Waiting& waiting = waiting_[index];
  if (waiting.is_held) return End(index, admission_.TakePlaces(&waiting.attempt));
  Proceed(index, admission_.Run(&waiting.attempt, nullptr));
}

void WaitingRoom::End(uint32_t index, const AdmissionOutcome& outcome) {
  Waiting& waiting = waiting_[index];
  StatsOf(*waiting.rule).waiting.Subtract(1);
  if (waiting.delayed_by != nullptr) --StateOf(*waiting.delayed_by).delayed;
  if (outcome.step == AdmissionStep::kRefused) {
    user_.OnTurnedAway(waiting.ticket, outcome);
  } else {
    if (waiting.delayed_by != nullptr) StatsOf(*waiting.delayed_by).delayed.Add();
    user_.OnPassed(waiting.ticket, waiting.attempt);
  }
  // Not before: the user may have let another request wait.
  waiting.held.End();
  waiting_.Release(index);
}

void WaitingRoom::AskExact(uint32_t index) {
  const AdmissionAttempt& attempt = waiting_[index].attempt;
  HeldSnapshot& held = *attempt.held;
  const Charge& charge = attempt.charges[attempt.next];
  exact_.OnAsked(charge, held->config.global_limits.timeout);
  desk_.AskExact(held, charge, attempt.names[attempt.next], index);
}

void WaitingRoom::OnExactAnswer(uint32_t index, const std::optional<LeaseReply>& reply) {
  Waiting& waiting = waiting_[index];
  Charge& charge = waiting.attempt.charges[waiting.attempt.next];
  exact_.OnAnswer(charge, reply);
  if (reply && reply->granted == 0) {
    const AdmissionOutcome refusal = RefusalBy(charge, std::chrono::nanoseconds(reply->retry_after).count());
    admission_.Undo(&waiting.attempt);
    return Proceed(index, refusal);
  }
  if (reply) {
    charge.taken = Source::kFree;
    ++waiting.attempt.next;
  }
  // While Enter runs, its caller must not hear of it yet.
  if (index == entering_) return waiting.timer->Arm(net::Duration(0));
  Proceed(index, admission_.Run(&waiting.attempt, nullptr));
}

}  // namespace ringproxy::proxy
