#include "proxy/guard/quota_lease.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace ringproxy::proxy {
namespace {

using namespace std::chrono_literals;

static_assert(sizeof(QuotaLease) <= 112, "a worker has one for each bucket of each global limit");

constexpr double kTokensPerCall = 64;  // See the header: batch.
constexpr net::Duration kLeastSpan = 8ms;
constexpr net::Duration kLeastLead = 1ms;
constexpr net::Duration kCreditTime = 20ms;
constexpr net::Duration kLeastPause = 5ms;  // Between questions to a store that is empty.
constexpr net::Duration kMostPause = 50ms;
constexpr net::Duration kProbePause = 50ms;  // Between questions to a store that fails.
constexpr net::Duration kFailureMemory = 1s;
constexpr net::Duration kDemandTime = 50ms;  // Of smoothing.
constexpr net::Duration kLeastCount = 10ms;  // A shorter time says nothing about demand.
constexpr double kLeastDemand = 4;           // Requests within a ttl for which tokens are fetched ahead.

uint32_t Saturated(uint64_t count) {
  return static_cast<uint32_t>(std::min<uint64_t>(count, std::numeric_limits<uint32_t>::max()));
}

// Tokens a microsecond.
double RateOf(const LeaseTerms& terms) {
  return static_cast<double>(terms.rate.amount) / static_cast<double>(terms.rate.window.count());
}

double Microseconds(net::Duration time) {
  return static_cast<double>(time.count());
}

// Enough for times that are short or, if not, looked at only roughly.
uint32_t LowBits(net::TimePoint time) {
  return static_cast<uint32_t>(time.time_since_epoch().count());
}

net::Duration Jittered(net::Duration time, double random) {
  return net::Duration(static_cast<int64_t>(Microseconds(time) * (0.75 + 0.5 * random)));
}

// What a lessee may owe as soon as the bucket has that for all of them.
double LeastCredit(const LeaseTerms& terms, uint32_t lessees) {
  return std::max(1.0, RateOf(terms) * Microseconds(kCreditTime) / lessees);
}

}  // namespace

QuotaLease::Decision QuotaLease::Decide(const LeasePolicy& policy, net::TimePoint now, uint64_t cost,
                                        uint32_t lessees) const {
  if (cost > policy.terms.burst) return {.answer = {.retry_after = kNoRetry}};
  const uint64_t held = tokens(now);
  if (held >= cost) return {.answer = {.admitted = true}, .held = static_cast<uint32_t>(cost)};
  const uint64_t owed = cost - held;
  if (static_cast<double>(debt() + owed) <= Credit(policy.terms, now, lessees)) {
    return {.answer = {.admitted = true}, .held = static_cast<uint32_t>(held), .owed = Saturated(owed)};
  }
  // While a question is under way, next_ask_ is when it would be repeated; tokens come sooner.
  const net::TimePoint tokens_may_come = asking_ && !failing_ ? now : std::max(next_ask_, refused_until_);
  return {.answer = {.retry_after = std::max(tokens_may_come - now, net::Duration(round_trip_us_) + 1us)}};
}

double QuotaLease::Credit(const LeaseTerms& terms, net::TimePoint now, uint32_t lessees) const {
  if (failing_ || now < contended_until_) return 0;
  const double burst = static_cast<double>(terms.burst);
  const double missing = Microseconds(std::max(full_from_ - now, net::Duration(0))) * RateOf(terms);
  const double least = LeastCredit(terms, lessees);
  if (burst - missing < std::min(burst, lessees * least)) return 0;
  const bool is_settled = !replied_ || LowBits(now) - replied_at_us_ >= kCreditTime.count();
  return is_settled ? std::max(least, (burst - missing) / lessees) : least;
}

QuotaLease::Answer QuotaLease::Take(const LeasePolicy& policy, net::TimePoint now, uint64_t cost, uint32_t lessees) {
  if (cost <= policy.terms.burst) Count(now, cost);
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
  recent_ -= std::min(recent_, back);
  const uint32_t unpaid = std::min(debt_, back);
  debt_ -= unpaid;
  tokens_ = Saturated(uint64_t{tokens_} + back - unpaid);
}

void QuotaLease::Charge(const LeasePolicy& policy, net::TimePoint now, uint64_t cost) {
  Count(now, cost);
  const auto paid = static_cast<uint32_t>(std::min(tokens(now), cost));
  tokens_ -= paid;
  const auto second = static_cast<uint64_t>(RateOf(policy.terms) * Microseconds(1s));
  const uint64_t most = std::max<uint64_t>(policy.terms.burst + second, debt_);
  debt_ = Saturated(std::min(most, debt_ + std::min(cost - paid, most)));
}

void QuotaLease::Count(net::TimePoint now, uint64_t cost) {
  if (!touched_) {
    touched_ = true;
    counted_from_ = now;
  }
  if (now - counted_from_ >= kLeastCount) {
    recent_ = Saturated(uint64_t{recent_} + 1);  // See Demand.
    demand_ = static_cast<float>(Demand(now));
    counted_from_ = now;
    recent_ = 0;
  }
  recent_ = Saturated(recent_ + cost);
}

double QuotaLease::Demand(net::TimePoint now) const {
  const double time = Microseconds(now - counted_from_);
  // Less the request that is being handled: whenever one is, it has just come.
  const double recent = recent_ > 0 ? recent_ - 1 : 0;
  if (demand_ < 0) return recent / std::max(time, Microseconds(kLeastCount));
  return (double{demand_} * Microseconds(kDemandTime) + recent) / (Microseconds(kDemandTime) + time);
}

net::Duration QuotaLease::Span(const LeasePolicy& policy) const {
  const net::Duration most = policy.lease.horizon * 4 / 5;
  const double span = kTokensPerCall * lessees_ / RateOf(policy.terms);
  return span < Microseconds(most) ? std::max(net::Duration(static_cast<int64_t>(span)), std::min(kLeastSpan, most))
                                   : most;
}

QuotaLease::Batch QuotaLease::PlanBatch(const LeasePolicy& policy, double demand) const {
  if (demand * Microseconds(policy.lease.ttl) < kLeastDemand) return {};
  // More than the whole rate cannot be had for long.
  const double taken = std::min(demand, RateOf(policy.terms));
  const net::Duration lead =
      std::min(std::max(net::Duration(round_trip_us_) * 2, kLeastLead), policy.lease.horizon / 5);
  const double size = taken * Microseconds(lead + Span(policy));
  return {.size = std::max<uint64_t>(1, static_cast<uint64_t>(size)),
          .low = static_cast<uint64_t>(taken * Microseconds(lead))};
}

std::optional<LeaseRequest> QuotaLease::Ask(const LeasePolicy& policy, net::TimePoint now, uint32_t lessees,
                                            double random) {
  if (asking_ || now < next_ask_) return std::nullopt;
  const uint64_t held = tokens(now);
  if (held > low_ && held >= pending_ && debt_ == 0) return std::nullopt;
  lessees_ = lessees;
  const Batch batch = PlanBatch(policy, Demand(now));
  low_ = Saturated(batch.low);
  const uint64_t refused = pending_ > held ? pending_ - held : 0;
  const uint64_t want = std::max(batch.size > held && held <= batch.low ? batch.size - held : 0, refused);
  pending_ = 0;
  if (want == 0 && debt_ == 0) return std::nullopt;
  asking_ = true;
  asked_want_ = Saturated(want);
  asked_debt_ = debt_;
  asked_at_us_ = LowBits(now);
  debt_ = 0;
  next_ask_ = now + Jittered(kProbePause, random);  // Unless there is a reply.
  return LeaseRequest{.want = asked_want_,
                      .least = std::max<uint64_t>(refused, 1),
                      .debt = asked_debt_,
                      .lessees = lessees,
                      .after_outage = failing_};
}

void QuotaLease::OnReply(const LeasePolicy& policy, net::TimePoint now, const LeaseReply& reply, double random) {
  assert(asking_);
  const uint32_t round_trip = LowBits(now) - asked_at_us_;
  replied_ = true;
  replied_at_us_ = LowBits(now);
  round_trip_us_ = (round_trip_us_ * 7 + std::min<uint32_t>(round_trip, 1'000'000)) / 8;
  asking_ = failing_ = false;
  asked_debt_ = 0;
  tokens_ = Saturated(tokens(now) + reply.granted);
  if (reply.granted > 0) expires_ = now + policy.lease.ttl;
  refused_until_ = now + std::max(reply.retry_after, net::Duration(0));
  const double used = static_cast<double>(policy.terms.burst) * reply.used_thousandths / 1000.0;
  full_from_ = now + net::Duration(static_cast<int64_t>(used / RateOf(policy.terms)));
  next_ask_ = now;
  if (reply.granted < asked_want_) {
    const net::Duration pause = Jittered(std::max(reply.retry_after, Span(policy)), random);
    next_ask_ = now + std::clamp(pause, kLeastPause, kMostPause);
    contended_until_ = now + policy.lease.ttl;
  }
}

void QuotaLease::OnFailure(net::TimePoint now) {
  assert(asking_);
  asking_ = false;
  // Whether the store has heard of it is not known: paying twice is the safe side.
  debt_ = Saturated(debt());
  asked_debt_ = 0;
  if (!failing_) failing_since_ = now;
  failing_ = true;
}

std::optional<net::TimePoint> QuotaLease::failing_since() const {
  return failing_ ? std::optional(failing_since_) : std::nullopt;
}

bool QuotaLease::idle(net::TimePoint now) const {
  if (asking_ || tokens(now) > 0) return false;
  if (failing_) return now >= next_ask_ + kFailureMemory;
  return debt_ == 0 && now >= std::max({next_ask_, refused_until_, full_from_, contended_until_});
}

}  // namespace ringproxy::proxy
