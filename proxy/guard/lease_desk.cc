#include "proxy/guard/lease_desk.h"

#include <utility>

namespace ringproxy::proxy {
namespace {

using QuestionKind = LimitStore::Question::QuestionKind;

// One that nobody uses any more does not learn that the store is back.
bool IsFailing(const QuotaLease& lease, net::TimePoint now) {
  return lease.failing_since() && !lease.idle(now);
}

// The braces are a hash tag: everything that one bucket needs is on one node.
std::string StoreKey(const LimitRule& rule, std::string_view value) {
  return std::string("ringproxy:{").append(rule.conf->name).append(":").append(value).append("}");
}

}  // namespace

LeaseDesk::LeaseDesk(backends::WorkerIo& io, SharedLimits& shared, uint32_t worker, ExactAsker& exact)
    : io_(io),
      shared_(shared),
      worker_(worker),
      exact_(exact),
      store_(io, static_cast<LimitStore::Asker&>(*this)),
      is_speaker_(shared.BecomeSpeaker()),
      last_tick_(io.loop.now()) {}

void LeaseDesk::AskForLease(HeldSnapshot& held, const LimitRule& rule, LeaseTable::KeptLease& entry) {
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

void LeaseDesk::AskExact(HeldSnapshot& held, const Charge& charge, std::string_view name, uint32_t waiting) {
  LimitStore::Question question;
  question.kind = QuestionKind::kExact;
  question.rule = charge.rule;
  question.bucket = waiting;
  question.key = StoreKey(*charge.rule, name);
  question.terms = charge.terms->lease.terms;
  // All of the cost or nothing: a part of the tokens would admit no part of the request.
  question.request = {.want = charge.cost,
                      .least = charge.cost,
                      .debt = 0,
                      .lessees = shared_.lessees(),
                      .after_outage = StateOf(*charge.rule).failing_since.has_value()};
  store_.Ask(held, std::move(question));
}

void LeaseDesk::OnStoreAnswer(const LimitStore::Question& question, LimitStore::StoreOutcome outcome,
                              std::string_view reply) {
  if (question.kind == QuestionKind::kMembers) {
    // Without an answer the last count holds: the fleet is the same while its store is silent.
    if (const auto count = ParseMembersReply(reply)) shared_.SetProxies(*count);
    return;
  }
  const std::optional<LeaseReply> answer = ParseLeaseReply(reply);
  LimitStats& stats = StateOf(*question.rule).stats;
  if (outcome == LimitStore::StoreOutcome::kTimeout) {
    stats.store_timeouts.Add();
  } else if (!answer) {
    stats.store_errors.Add();
  } else {
    // A question that only pays what was spent on credit asks for nothing, and is not refused.
    (answer->retry_after == net::Duration(0) ? stats.store_granted : stats.store_refused).Add();
  }
  if (question.kind == QuestionKind::kExact)
    return exact_.OnExactAnswer(static_cast<uint32_t>(question.bucket), answer);
  OnLeaseAnswer(question, answer);
}

void LeaseDesk::OnLeaseAnswer(const LimitStore::Question& question, const std::optional<LeaseReply>& reply) {
  LeaseTable::KeptLease* entry = StateOf(*question.rule).leases.Find(question.bucket);
  if (entry == nullptr) return;
  if (!reply) return entry->lease.OnFailure(now());
  entry->used_thousandths = reply->used_thousandths;
  if (entry->lease.failing_since()) entry->recovering_until = now() + kRecovery;
  entry->lease.OnReply(entry->terms.lease, now(), *reply, Random());
  // What was spent on credit meanwhile is paid at once, or with the next tick if another snapshot is in force.
  if (entry->lease.debt() > 0 && question.held->is_in_force()) AskForLease(*question.held, *question.rule, *entry);
}

void LeaseDesk::Tick(HeldSnapshot& held) {
  const net::Duration since_last = now() - std::exchange(last_tick_, now());
  if (!held->limit_store) return;
  MeasureLeases(held, since_last);
  // The store counts processes, so one worker speaks for all.
  if (!is_speaker_) return;
  LimitStore::Question question;
  question.kind = QuestionKind::kMembers;
  question.key = "ringproxy:{members}";
  question.name = shared_.process_id();
  store_.Ask(held, std::move(question));
}

void LeaseDesk::MeasureLeases(HeldSnapshot& held, net::Duration since_last) {
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

std::shared_ptr<const LeasesView> LeaseDesk::View(const Snapshot& snapshot) const {
  // A limit by client may have a hundred times as many, and this is copied every second.
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
