#include "proxy/guard/quota_lease.h"

#include <algorithm>
#include <cassert>

#include "proxy/guard/lease_units.h"

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

static_assert(sizeof(QuotaLease) <= 112, "a worker has one for each bucket of each global limit");

constexpr double kTokensPerCall = 64;  // See the header: batch.
constexpr net::Duration kLeastSpan = 8ms;
constexpr net::Duration kLeastLead = 1ms;
constexpr net::Duration kLeastPause = 5ms;  // Between questions to a store that is empty.
constexpr net::Duration kMostPause = 50ms;
constexpr net::Duration kProbePause = 50ms;  // Between questions to a store that fails.
constexpr net::Duration kFailureMemory = 1s;
constexpr double kLeastDemand = 4;  // Requests within a ttl for which tokens are fetched ahead.

net::Duration Jittered(net::Duration time, double random) {
  // Lessees that were refused at the same moment would otherwise all come back at the same moment.
  return net::Duration(static_cast<int64_t>(InMicroseconds(time) * (0.75 + 0.5 * random)));
}

}  // namespace

QuotaLease::Decision QuotaLease::Decide(const LeasePolicy& policy, net::TimePoint now, uint64_t cost,
                                        uint32_t lessees) const {
  if (cost > policy.terms.burst) return {.answer = {.retry_after = kNoRetry}};
  const uint64_t held = tokens(now);
  if (held >= cost) return {.answer = {.admitted = true}, .held = static_cast<uint32_t>(cost)};
  const uint64_t owed = cost - held;
  // A store that fails cannot be paid, so nothing may be owed to it.
  const double credit = failing_ ? 0 : word_.Credit(policy.terms, now, lessees);
  if (static_cast<double>(debt() + owed) <= credit) {
    return {.answer = {.admitted = true}, .held = static_cast<uint32_t>(held), .owed = Saturated(owed)};
  }
  // While a question is under way, next_ask_ is when it would be repeated; tokens come sooner.
  const net::TimePoint tokens_may_come = asking_ && !failing_ ? now : std::max(next_ask_, word_.refused_until());
  return {.answer = {.retry_after = std::max(tokens_may_come - now, net::Duration(round_trip_us_) + 1us)}};
}

QuotaLease::Answer QuotaLease::Take(const LeasePolicy& policy, net::TimePoint now, uint64_t cost, uint32_t lessees) {
  // What can never be admitted is no demand that tokens could meet.
  if (cost <= policy.terms.burst) demand_.Count(now, cost);
  const Decision decision = Decide(policy, now, cost, lessees);
  if (decision.answer.admitted) {
    tokens_ -= decision.held;
    debt_ += decision.owed;
  } else if (decision.answer.retry_after > net::Duration(0)) {
    pending_ = std::max(pending_, Saturated(cost));
  }
  return decision.answer;
}

QuotaLease::Answer QuotaLease::Peek(const LeasePolicy& policy, net::TimePoint now, uint64_t cost,
                                    uint32_t lessees) const {
  return Decide(policy, now, cost, lessees).answer;
}

void QuotaLease::GiveBack(uint64_t cost) {
  const uint32_t back = Saturated(cost);
  demand_.Uncount(back);
  // A token that was never paid for must not become one in hand.
  const uint32_t unpaid = std::min(debt_, back);
  debt_ -= unpaid;
  tokens_ = Saturated(uint64_t{tokens_} + back - unpaid);
}

void QuotaLease::Charge(const LeasePolicy& policy, net::TimePoint now, uint64_t cost) {
  demand_.Count(now, cost);
  const auto paid = static_cast<uint32_t>(std::min(tokens(now), cost));
  tokens_ -= paid;
  const auto second = static_cast<uint64_t>(TokensPerMicrosecond(policy.terms) * InMicroseconds(1s));
  const uint64_t most = std::max<uint64_t>(policy.terms.burst + second, debt_);
  debt_ = Saturated(std::min(most, debt_ + std::min(cost - paid, most)));
}

net::Duration QuotaLease::Span(const LeasePolicy& policy) const {
  const net::Duration most = policy.lease.horizon * 4 / 5;
  const double span = kTokensPerCall * question_.lessees / TokensPerMicrosecond(policy.terms);
  return span < InMicroseconds(most) ? std::max(net::Duration(static_cast<int64_t>(span)), std::min(kLeastSpan, most))
                                     : most;
}

QuotaLease::Batch QuotaLease::PlanBatch(const LeasePolicy& policy, double demand) const {
  if (demand * InMicroseconds(policy.lease.ttl) < kLeastDemand) return {};
  // More than the whole rate cannot be had for long.
  const double taken = std::min(demand, TokensPerMicrosecond(policy.terms));
  const net::Duration lead =
      std::min(std::max(net::Duration(round_trip_us_) * 2, kLeastLead), policy.lease.horizon / 5);
  const double size = taken * InMicroseconds(lead + Span(policy));
  return {.size = std::max<uint64_t>(1, static_cast<uint64_t>(size)),
          .low = static_cast<uint64_t>(taken * InMicroseconds(lead))};
}

std::optional<LeaseRequest> QuotaLease::Ask(const LeasePolicy& policy, net::TimePoint now, uint32_t lessees,
                                            double random) {
  if (asking_ || now < next_ask_) return std::nullopt;
  const uint64_t held = tokens(now);
  // The last plan answers for most requests; a new one is made only when that says that little is left.
  if (held > low_ && held >= pending_ && debt_ == 0) return std::nullopt;
  question_.lessees = lessees;
  const Batch batch = PlanBatch(policy, demand_.PerMicrosecond(now));
  low_ = Saturated(batch.low);
  const uint64_t refused = pending_ > held ? pending_ - held : 0;
  const uint64_t want = std::max(batch.size > held && held <= batch.low ? batch.size - held : 0, refused);
  pending_ = 0;
  if (want == 0 && debt_ == 0) return std::nullopt;
  asking_ = true;
  question_.want = Saturated(want);
  question_.debt = debt_;
  question_.at_us = LowBits(now);
  debt_ = 0;
  next_ask_ = now + Jittered(kProbePause, random);  // Unless there is a reply.
  return LeaseRequest{.want = question_.want,
                      .least = std::max<uint64_t>(refused, 1),
                      .debt = question_.debt,
                      .lessees = lessees,
                      .after_outage = failing_};
}

void QuotaLease::OnReply(const LeasePolicy& policy, net::TimePoint now, const LeaseReply& reply, double random) {
  assert(asking_);
  const uint32_t round_trip = LowBits(now) - question_.at_us;
  // The bound keeps one answer after a long stall from lengthening the lead for long.
  round_trip_us_ = (round_trip_us_ * 7 + std::min<uint32_t>(round_trip, 1'000'000)) / 8;
  asking_ = failing_ = false;
  question_.debt = 0;
  tokens_ = Saturated(tokens(now) + reply.granted);
  if (reply.granted > 0) expires_ = now + policy.lease.ttl;
  word_.OnReply(policy.terms, now, reply);
  next_ask_ = now;
  if (reply.granted < question_.want) {
    const net::Duration pause = Jittered(std::max(reply.retry_after, Span(policy)), random);
    next_ask_ = now + std::clamp(pause, kLeastPause, kMostPause);
    word_.OnContended(now + policy.lease.ttl);
  }
}

void QuotaLease::OnFailure(net::TimePoint now) {
  assert(asking_);
  asking_ = false;
  // Whether the store has heard of it is not known: paying twice is the safe side.
  debt_ = Saturated(debt());
  question_.debt = 0;
  if (!failing_) failing_since_ = now;
  failing_ = true;
}

std::optional<net::TimePoint> QuotaLease::failing_since() const {
  return failing_ ? std::optional(failing_since_) : std::nullopt;
}

bool QuotaLease::idle(net::TimePoint now) const {
  if (asking_ || tokens(now) > 0) return false;
  // While there are requests next_ask_ moves on, so the failure stays known: a new lease would begin with credit.
  if (failing_) return now >= next_ask_ + kFailureMemory;
  return debt_ == 0 && now >= next_ask_ && word_.IsForgettable(now);
}

}  // namespace ringproxy::proxy
