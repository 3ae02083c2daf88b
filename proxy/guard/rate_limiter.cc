#include "proxy/guard/rate_limiter.h"

#include <algorithm>
#include <utility>

namespace ringproxy::proxy {
namespace {

using conf::LimitAction;

int64_t Nanoseconds(net::TimePoint time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

net::Duration Microseconds(int64_t wait_ns) {
  // Rounded up, or a timer would come a moment too early.
  return net::Duration(wait_ns < 0 ? wait_ns : (wait_ns + 999) / 1000);
}

// One that nobody uses any more does not learn that the store is back.
bool IsFailing(const QuotaLease& lease, net::TimePoint now) {
  return lease.failing_since() && !lease.idle(now);
}

// One proxy's share of a limit that `proxies` have in common.
BucketLimit Share(BucketLimit limit, uint32_t proxies) {
  limit.interval_ns *= proxies;
  limit.tolerance_ns = std::max(limit.tolerance_ns, limit.interval_ns);
  return limit;
}

}  // namespace

RateLimiter::RateLimiter(const LimiterParts& parts)
    : io_(parts.io),
      shared_(parts.shared),
      worker_(parts.worker),
      sink_(parts.sink),
      observer_(parts.observer),
      store_(parts.io, static_cast<LimitStore::Asker&>(*this)),
      is_speaker_(parts.shared.BecomeSpeaker()),
      last_tick_(parts.io.loop.now()) {}

void RateLimiter::Adopt(const Snapshot& snapshot) {
  for (const LimitRule& rule : snapshot.limits->rules()) StateOf(rule).leases.Adopt(rule);
}

net::Duration RateLimiter::RefusedFor(const Charge& charge) const {
  const LimitState& state = StateOf(charge);
  return state.failing_since ? net::Duration(0) : state.refusals.Refused(charge.bucket, charge.cost, now());
}

bool RateLimiter::NeedsStore(const Charge& charge) const {
  const LimitState& state = StateOf(charge);
  return charge.rule->is_exact && (!state.failing_since || now() >= state.next_question);
}

RateLimiter::Decision RateLimiter::Admit(HeldSnapshot& held, const LimitedRequest& asked, backends::Ticket* ticket) {
  scratch_.charges.clear();
  held->limits->Match(asked, &keys_, &scratch_.charges);
  if (scratch_.charges.empty()) return {};
  scratch_.held = &held;
  scratch_.names.clear();
  scratch_.next = 0;
  scratch_.hold_ns = 0;
  const AdmissionOutcome outcome = Run(&scratch_, &asked.client);
  if (outcome.step == AdmissionStep::kRefused) return Refuse(outcome);
  if (outcome.step != AdmissionStep::kDone || scratch_.hold_ns > 0) return Wait(outcome, asked.client, *ticket);
  *ticket = Conclude(scratch_, *ticket);
  return {};
}

RateLimiter::Decision RateLimiter::Refuse(const AdmissionOutcome& outcome) {
  StatsOf(*outcome.rule).refused.Add();
  return {Verdict::kRefused, outcome.rule->conf, outcome.retry_after};
}

RateLimiter::AdmissionOutcome RateLimiter::Refusal(const Charge& charge, int64_t wait_ns) const {
  const conf::Limit& limit = *charge.rule->conf;
  // The process's own buckets have said already when it may go; a lease cannot.
  const bool may_wait = limit.action == LimitAction::kDelay && charge.rule->is_global && wait_ns > 0;
  return {may_wait ? AdmissionStep::kTryLater : AdmissionStep::kRefused, charge.rule, Microseconds(wait_ns)};
}

RateLimiter::AdmissionOutcome RateLimiter::Look(const Attempt& attempt) {
  for (const Charge& charge : attempt.charges) {
    if (charge.rule->is_shadow) continue;
    if (charge.rule->is_exact) {
      const net::Duration refused = RefusedFor(charge);
      if (refused > net::Duration(0)) return Refusal(charge, std::chrono::nanoseconds(refused).count());
      continue;
    }
    if (!charge.rule->is_global) {
      const BucketAnswer answer = TableOf(charge).Peek(charge.bucket, charge.terms->bucket, now_ns(), charge.cost);
      if (!answer.admitted) return Refusal(charge, answer.wait_ns);
      continue;
    }
    LeaseTable::KeptLease* entry = StateOf(charge).leases.Find(charge.bucket);
    if (entry == nullptr || entry->lease.failing_since()) continue;
    if (entry->lease.Peek(charge.terms->lease, now(), charge.cost, shared_.lessees()).admitted) continue;
    // It takes nothing, but has to hear of the demand and to ask for it.
    const QuotaLease::Answer answer = entry->lease.Take(charge.terms->lease, now(), charge.cost, shared_.lessees());
    AskForLease(*attempt.held, *charge.rule, *entry);
    return Refusal(charge, std::chrono::nanoseconds(answer.retry_after).count());
  }
  return {};
}

RateLimiter::AdmissionOutcome RateLimiter::Run(Attempt* attempt, const ClientIdentity* client) {
  const bool is_alone = attempt->charges.size() == 1 && !attempt->charges.front().rule->is_exact;
  if (attempt->next == 0 && !is_alone) {
    const AdmissionOutcome look = Look(*attempt);
    if (look.step != AdmissionStep::kDone) return look;
  }
  for (; attempt->next < attempt->charges.size(); ++attempt->next) {
    Charge& charge = attempt->charges[attempt->next];
    if (NeedsStore(charge)) return {AdmissionStep::kAskStore, charge.rule, {}};
    const BucketAnswer answer = Take(attempt, attempt->next, client);
    if (answer.admitted) {
      charge.is_near_limit = answer.near_limit;
      if (answer.wait_ns > attempt->hold_ns) {
        attempt->hold_ns = answer.wait_ns;
        attempt->hold_rule = charge.rule;
      }
    } else if (charge.rule->is_shadow) {
      charge.taken = Source::kShadow;
    } else {
      const AdmissionOutcome outcome = Refusal(charge, answer.wait_ns);
      Undo(attempt);
      return outcome;
    }
  }
  return {};
}

BucketAnswer RateLimiter::TakeFromTable(Charge* charge, const BucketLimit& limit, int64_t fresh_ns) {
  charge->taken_ns = now_ns();
  const BucketAnswer answer = TableOf(*charge).Take(charge->bucket, limit, charge->taken_ns, charge->cost, fresh_ns);
  charge->is_in_shared_bucket = answer.overflowed;
  return answer;
}

BucketAnswer RateLimiter::Take(Attempt* attempt, size_t i, const ClientIdentity* client) {
  Charge& charge = attempt->charges[i];
  if (!charge.rule->is_global) {
    charge.taken = Source::kTable;
    return TakeFromTable(&charge, charge.terms->bucket, 0);
  }
  if (charge.rule->is_exact) return FallBack(&charge, *StateOf(charge).failing_since);
  return TakeLease(attempt, i, client);
}

BucketAnswer RateLimiter::TakeLease(Attempt* attempt, size_t i, const ClientIdentity* client) {
  Charge& charge = attempt->charges[i];
  LeaseTable::KeptLease& entry = StateOf(charge).leases.Get(charge.bucket, *charge.terms, now(), [&] {
    return client != nullptr ? (*attempt->held)->limits->ValueOf(charge, *client) : attempt->names[i];
  });
  charge.taken = Source::kLease;
  QuotaLease::Answer answer;
  if (!entry.lease.failing_since()) {
    answer = entry.lease.Take(entry.terms.lease, now(), charge.cost, shared_.lessees());
  }
  AskForLease(*attempt->held, *charge.rule, entry);
  if (entry.lease.failing_since() && !answer.admitted) {
    return FallBack(&charge, *entry.lease.failing_since());
  }
  const bool is_local = charge.rule->conf->on_store_failure == conf::StoreFailure::kLocal;
  if (answer.admitted && is_local && now() < entry.recovering_until) {
    // Others may still spend their shares: until they have found the store too, nobody takes more than that.
    const BucketAnswer share = FallBack(&charge, entry.recovering_until - kRecovery);
    charge.taken = Source::kLease;
    if (!share.admitted) {
      entry.lease.GiveBack(charge.cost);
      return share;
    }
  }
  constexpr uint32_t kNear = 800;
  return {.admitted = answer.admitted,
          .near_limit = entry.used_thousandths >= kNear,
          .wait_ns = answer.admitted ? 0 : std::chrono::nanoseconds(answer.retry_after).count()};
}

BucketAnswer RateLimiter::FallBack(Charge* charge, net::TimePoint failing_since) {
  charge->taken = Source::kFree;
  switch (charge->rule->conf->on_store_failure) {
    case conf::StoreFailure::kOpen: return {.admitted = true};
    case conf::StoreFailure::kClosed:
      return {.admitted = false, .wait_ns = std::chrono::nanoseconds(kProbeInterval).count()};
    case conf::StoreFailure::kLocal: break;
  }
  charge->taken = Source::kFallback;
  const BucketLimit share = Share(charge->terms->bucket, shared_.proxies());
  // It begins empty: what the fleet's bucket had may have been spent a moment ago.
  return TakeFromTable(charge, share, Nanoseconds(failing_since));
}

void RateLimiter::GiveToTable(const Charge& charge, const BucketLimit& limit) {
  TableOf(charge).Return(charge.bucket, limit, charge.taken_ns, charge.cost, charge.is_in_shared_bucket);
}

void RateLimiter::Undo(Attempt* attempt) {
  for (size_t i = 0; i < attempt->next; ++i) {
    Charge& charge = attempt->charges[i];
    switch (std::exchange(charge.taken, Source::kNone)) {
      case Source::kNone:
      case Source::kShadow:
      case Source::kFree:
      case Source::kLater: break;
      case Source::kTable: GiveToTable(charge, charge.terms->bucket); break;
      case Source::kFallback: GiveToTable(charge, Share(charge.terms->bucket, shared_.proxies())); break;
      case Source::kLease:
        if (LeaseTable::KeptLease* entry = StateOf(charge).leases.Find(charge.bucket)) {
          entry->lease.GiveBack(charge.cost);
        }
        break;
    }
  }
  attempt->next = 0;
  attempt->hold_ns = 0;
}

void RateLimiter::CountAdmitted(const Attempt& attempt) {
  // A request with several buckets of one limit is one request, and those stand together.
  for (size_t i = 0; i < attempt.charges.size();) {
    const LimitRule* const rule = attempt.charges[i].rule;
    bool is_near = false;
    bool is_refused = false;
    for (; i < attempt.charges.size() && attempt.charges[i].rule == rule; ++i) {
      is_near = is_near || attempt.charges[i].is_near_limit;
      is_refused = is_refused || attempt.charges[i].taken == Source::kShadow;
    }
    LimitStats& stats = StatsOf(*rule);
    (is_refused ? stats.shadow_refused : stats.admitted).Add();
    if (is_near && !is_refused) stats.near_limit.Add();
  }
}

backends::Ticket RateLimiter::Conclude(const Attempt& attempt, backends::Ticket ticket) {
  CountAdmitted(attempt);
  const backends::Ticket original = ticket;
  for (const Charge& charge : attempt.charges) {
    if (charge.taken == Source::kShadow || !charge.rule->settles_later) continue;
    if (ticket.kind != backends::Ticket::Kind::kLimit) ticket = followed_.Follow(*attempt.held, original);
    followed_.Add(ticket, charge);
  }
  return ticket;
}

void RateLimiter::Abandon(backends::Ticket ticket) {
  if (ticket.kind == backends::Ticket::Kind::kLimit) Settle(ticket, 0);
}

void RateLimiter::Settle(backends::Ticket ticket, size_t reply_bytes) {
  HeldSnapshot& held = *followed_.at(ticket).held;
  for (const Charge& charge : followed_.at(ticket).charges) {
    const conf::Limit& limit = *charge.rule->conf;
    const BucketLimit& bucket = charge.terms->bucket;
    const uint64_t debt = limit.bytes_per_token > 0 ? reply_bytes / limit.bytes_per_token : 0;
    if (limit.algorithm == conf::LimitAlgorithm::kConcurrency) {
      GiveToTable(charge, bucket);
    } else if (debt > 0 && !charge.rule->is_global) {
      TableOf(charge).Charge(charge.bucket, bucket, now_ns(), debt);
    } else if (LeaseTable::KeptLease* entry = debt > 0 ? StateOf(charge).leases.Find(charge.bucket) : nullptr) {
      entry->lease.Charge(charge.terms->lease, now(), debt);
      AskForLease(held, *charge.rule, *entry);
    }
  }
  followed_.Forget(ticket);
}

void RateLimiter::OnReply(backends::Ticket ticket, backends::Reply&& reply) {
  const backends::Ticket to = followed_.at(ticket).ticket;
  Settle(ticket, reply.size());
  sink_.OnReply(to, std::move(reply));
}

void RateLimiter::OnFailure(backends::Ticket ticket, const wire::Failure& failure) {
  const backends::Ticket to = followed_.at(ticket).ticket;
  Settle(ticket, 0);
  sink_.OnFailure(to, failure);
}

void RateLimiter::Tick(HeldSnapshot& held) {
  const net::Duration since_last = now() - std::exchange(last_tick_, now());
  if (!held->limit_store) return;
  MeasureLeases(held, since_last);
  if (!is_speaker_) return;
  LimitStore::Question question;
  question.kind = LimitStore::Question::QuestionKind::kMembers;
  question.key = "ringproxy:{members}";
  question.name = shared_.process_id();
  store_.Ask(held, std::move(question));
}

void RateLimiter::MeasureLeases(HeldSnapshot& held, net::Duration since_last) {
  for (const LimitRule& rule : held->limits->rules()) {
    LimitState& state = StateOf(rule);
    uint64_t tokens = 0;
    uint64_t failing = state.IsFailing(now()) ? 1 : 0;
    state.leases.ForEach([&](LeaseTable::KeptLease& entry) {
      // Nobody else asks for one that is not used any more, and it has still to pay.
      if (entry.lease.debt() > 0) AskForLease(held, rule, entry);
      tokens += entry.lease.tokens(now());
      failing += IsFailing(entry.lease, now()) ? 1 : 0;
    });
    state.stats.leases.Set(state.leases.size());
    state.stats.lease_tokens.Set(tokens);
    state.stats.failing_leases.Set(failing);
    const auto passed = std::chrono::floor<std::chrono::milliseconds>(since_last).count();
    if (failing > 0) state.stats.fallback_ms.Add(static_cast<uint64_t>(passed));
  }
}

std::shared_ptr<const LeasesView> RateLimiter::View(const Snapshot& snapshot) const {
  constexpr size_t kShown = 1000;
  auto view = std::make_shared<LeasesView>();
  for (const LimitRule& rule : snapshot.limits->rules()) {
    size_t shown = 0;
    std::as_const(StateOf(rule).leases).ForEach([&](const LeaseTable::KeptLease& entry) {
      if (++shown > kShown) return;
      view->push_back({rule.conf->name, entry.name, entry.lease.tokens(now()), entry.used_thousandths,
                       IsFailing(entry.lease, now())});
    });
  }
  return view;
}

}  // namespace ringproxy::proxy
