#include "proxy/guard/rate_limiter.h"

#include <utility>

namespace ringproxy::proxy {

RateLimiter::RateLimiter(const LimiterParts& parts)
    : worker_(parts.worker),
      sink_(parts.sink),
      observer_(parts.observer),
      desk_(parts.io, parts.shared, parts.worker, waiting_room_),
      fallback_(parts.io.loop, parts.shared),
      local_(parts.io.loop),
      leased_(parts.io.loop, parts.shared, parts.worker, desk_, fallback_),
      exact_(parts.io.loop, parts.worker, fallback_),
      admission_(local_, leased_, exact_),
      waiting_room_(parts.io.loop, parts.worker, admission_, desk_, exact_, static_cast<WaitingRoom::User&>(*this)) {}

void RateLimiter::Adopt(const Snapshot& snapshot) {
  for (const LimitRule& rule : snapshot.limits->rules()) StateOf(rule).leases.Adopt(rule);
}

void RateLimiter::Begin(HeldSnapshot& held) {
  added_ = 0;
  scratch_.held = &held;
  scratch_.charges.clear();
  scratch_.names.clear();
  scratch_.next = 0;
  scratch_.hold_ns = 0;
}

RateLimiter::Decision RateLimiter::AdmitAdded(const ClientIdentity& client, backends::Ticket* ticket) {
  if (scratch_.charges.empty()) return {};
  if (added_ > 1) LimitRules::Unite(&scratch_.charges);
  const AdmissionOutcome outcome = admission_.Run(&scratch_, &client);
  if (outcome.step == AdmissionStep::kRefused) return Refuse(outcome);
  if (outcome.step != AdmissionStep::kDone || scratch_.hold_ns > 0) {
    const auto refusal = waiting_room_.Enter(&scratch_, outcome, client, *ticket);
    return refusal ? Refuse(*refusal) : Decision{.verdict = Verdict::kWaits};
  }
  *ticket = Conclude(scratch_, *ticket);
  return {};
}

RateLimiter::Decision RateLimiter::Refuse(const AdmissionOutcome& outcome) {
  StateOf(*outcome.rule).stats.refused.Add();
  return {Verdict::kRefused, outcome.rule->conf, outcome.retry_after};
}

void RateLimiter::OnPassed(backends::Ticket ticket, const AdmissionAttempt& attempt) {
  observer_.OnAdmitted(ticket, Conclude(attempt, ticket));
}

void RateLimiter::OnTurnedAway(backends::Ticket ticket, const AdmissionOutcome& refusal) {
  observer_.OnRefused(ticket, Refuse(refusal));
}

void RateLimiter::CountAdmitted(const AdmissionAttempt& attempt) {
  // A request with several buckets of one limit is one request, and those stand together.
  for (size_t i = 0; i < attempt.charges.size();) {
    const LimitRule* const rule = attempt.charges[i].rule;
    bool is_near = false;
    bool is_refused = false;
    for (; i < attempt.charges.size() && attempt.charges[i].rule == rule; ++i) {
      is_near = is_near || attempt.charges[i].is_near_limit;
      is_refused = is_refused || attempt.charges[i].taken == Source::kShadow;
    }
    LimitStats& stats = StateOf(*rule).stats;
    (is_refused ? stats.shadow_refused : stats.admitted).Add();
    if (is_near && !is_refused) stats.near_limit.Add();
  }
}

backends::Ticket RateLimiter::Conclude(const AdmissionAttempt& attempt, backends::Ticket ticket) {
  CountAdmitted(attempt);
  const backends::Ticket original = ticket;
  for (const Charge& charge : attempt.charges) {
    if (charge.taken == Source::kShadow || !charge.rule->settles_later) continue;
    // One entry holds all charges of the request, and its ticket travels in place of the client's.
    if (ticket.kind != backends::Ticket::Kind::kLimit) ticket = followed_.Follow(*attempt.held, original);
    followed_.Add(ticket, charge);
  }
  return ticket;
}

void RateLimiter::Abandon(backends::Ticket ticket) {
  if (ticket.kind == backends::Ticket::Kind::kLimit) Settle(ticket, 0);
}

void RateLimiter::Settle(backends::Ticket ticket, size_t reply_bytes) {
  const FollowedRequests::FollowedRequest& followed = followed_.at(ticket);
  for (const Charge& charge : followed.charges) admission_.Settle(charge, *followed.held, reply_bytes);
  followed_.Forget(ticket);
}

void RateLimiter::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  const backends::Ticket to = followed_.at(ticket).ticket;
  // Settled before the reply leaves: a client that has it may ask again at once and finds its place free.
  Settle(ticket, reply.size());
  sink_.OnReply(to, std::move(reply));
}

void RateLimiter::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  const backends::Ticket to = followed_.at(ticket).ticket;
  Settle(ticket, 0);
  sink_.OnFailure(to, failure);
}

}  // namespace ringproxy::proxy
