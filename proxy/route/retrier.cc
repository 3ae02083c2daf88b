#include "proxy/route/retrier.h"

#include <algorithm>
#include <array>
#include <utility>

#include "backends/wire/memcache_binary.h"

namespace ringproxy::proxy {
namespace {

using backends::Ticket;

constexpr net::Duration kFirstPause = std::chrono::milliseconds(2);
constexpr uint32_t kMostDoublings = 6;
constexpr size_t kKeptRequest = 4 << 10;

// What a node that does not know a key answers.
bool IsMiss(std::string_view reply) {
  constexpr std::array<std::string_view, 11> kMisses = {"$-1\r\n",   "_\r\n",   "*-1\r\n", "*0\r\n",
                                                        ":0\r\n",    ":-2\r\n", "%0\r\n",  "~0\r\n",
                                                        "+none\r\n", "END\r\n", "EN\r\n"};
  return std::ranges::find(kMisses, reply) != kMisses.end() ||
         wire::HasBinaryStatus(reply, wire::BinaryStatus::kNotFound);
}

bool IsError(std::string_view reply) {
  constexpr std::array<std::string_view, 5> kErrors = {"-", "!", "SERVER_ERROR", "CLIENT_ERROR", "ERROR"};
  return std::ranges::any_of(kErrors, [&](std::string_view error) { return reply.starts_with(error); }) ||
         wire::IsBinaryError(reply);
}

}  // namespace

Retrier::Retrier(backends::WorkerIo& io, backends::ReplySink& sink, std::span<RetryStats> stats)
    : io_(io), sink_(sink), stats_(stats), event_timer_(io.loop.NewTimer([this] { RunEvents(); })) {}

void Retrier::Adopt(const Snapshot& snapshot) {
  for (uint32_t p = 0; p < snapshot.config.pools.size(); ++p) {
    const conf::Retries& retries = snapshot.config.pools[p].retries;
    const conf::Hedging& hedging = snapshot.config.pools[p].hedging;
    if (p == by_pool_.size()) {
      by_pool_.push_back({.retries = retries,
                          .hedging = hedging,
                          .retry_budget = {retries.budget, retries.least},
                          .hedge_budget = {hedging.budget, conf::Rate{0}},
                          .hedge_timer = io_.loop.NewTimer([this, p] { RunHedges(p); })});
      continue;
    }
    RetriedPool& pool = by_pool_[p];
    // A budget whose options stay the same keeps what it has: a reload must not hand out retries.
    if (std::exchange(pool.retries, retries) != retries) pool.retry_budget = {retries.budget, retries.least};
    if (std::exchange(pool.hedging, hedging) != hedging) pool.hedge_budget = {hedging.budget, conf::Rate{0}};
    if (hedging.budget.thousandths == 0) pool.hedge_after = net::Duration(0);
  }
}

net::Duration Retrier::TotalOf(const RetriedRead& entry) {
  const conf::Timeouts& timeouts = (*entry.held)->config.pools[entry.target.pool].timeouts;
  return wire::IsBrief(entry.target.asked.work) ? conf::TotalOf(timeouts) : conf::LongestOf(timeouts);
}

void Retrier::ReleaseIfDone(uint32_t owner) {
  RetriedRead& entry = entries_[owner];
  // The tickets of attempts that are still under way name this entry.
  if (!entry.answered || entry.outstanding > 0) return;
  ++entry.serial;
  entry.held.End();
  if (entry.request.capacity() > kKeptRequest) std::string().swap(entry.request);
  entries_.Release(owner);
}

void Retrier::Send(HeldSnapshot& held, std::string_view request, const Target& target, Ticket ticket) {
  // What takes a link of its client's own is in order with what was begun there, and never asked elsewhere.
  if (target.lane.flavour.is_pinned)
    return held.node_pools[target.pool].Send(target.node, target.lane, request, ticket, target.asked);
  const uint32_t owner = entries_.Acquire();
  const net::TimePoint now = io_.loop.now();
  RetriedRead& entry = entries_[owner];
  entry.ticket = ticket;
  entry.held = SnapshotUse(held);
  entry.target = target;
  entry.request.assign(request);
  entry.miss.clear();
  entry.deadline = now + TotalOf(entry);
  entry.retries = 0;
  entry.waiting = entry.hedged = entry.answered = false;
  RetriedPool& pool = by_pool_[target.pool];
  pool.retry_budget.OnRequest(now);
  if (target.may_move && pool.hedge_after > net::Duration(0)) {
    pool.hedge_budget.OnRequest(now);
    pool.hedges.push_back({owner, entry.serial, now + pool.hedge_after});
    if (!pool.hedge_timer->armed()) pool.hedge_timer->Arm(pool.hedge_after);
  }
  SendTo(owner, target.node, 0);
}

void Retrier::SendTo(uint32_t owner, ring::NodeIndex node, uint32_t attempt) {
  RetriedRead& entry = entries_[owner];
  ++entry.outstanding;
  // May fail at once, and with that the entry may be gone.
  entry.held->node_pools[entry.target.pool].Send(node, entry.target.lane, std::string_view(entry.request),
                                                 Ticket{owner, entry.serial, attempt, Ticket::Kind::kRetry},
                                                 entry.target.asked);
}

bool Retrier::IsAnswer(RetriedRead& entry, Ticket ticket, std::string_view reply) {
  --entry.outstanding;
  if (entry.answered) return false;
  const bool is_hedge = entry.hedged && ticket.slot > 0;
  // The second node does not own the key: that it has none, or fails, says nothing while the owner may still answer.
  if (is_hedge && entry.outstanding > 0 && (IsMiss(reply) || IsError(reply))) {
    if (IsMiss(reply)) entry.miss = reply;
    return false;
  }
  if (is_hedge) stats_[entry.target.pool].hedges_won.Add();
  entry.answered = true;
  return true;
}

void Retrier::OnReply(Ticket ticket, backends::Reply&& reply) {
  RetriedRead& entry = entries_[ticket.owner];
  const Ticket to = entry.ticket;
  const bool is_answer = IsAnswer(entry, ticket, reply.bytes());
  ReleaseIfDone(ticket.owner);
  if (is_answer) sink_.OnReply(to, std::move(reply));
}

void Retrier::OnFailure(Ticket ticket, const wire::Failure& failure) {
  RetriedRead& entry = entries_[ticket.owner];
  const Ticket to = entry.ticket;
  --entry.outstanding;
  if (entry.answered) return ReleaseIfDone(ticket.owner);
  if (entry.outstanding > 0 || entry.waiting) return;  // Another attempt may still succeed.
  if (entry.miss.empty() && MayRetry(entry, failure)) return ScheduleRetry(ticket.owner);
  entry.answered = true;
  const std::string held = std::move(entry.miss);
  ReleaseIfDone(ticket.owner);
  held.empty() ? sink_.OnFailure(to, failure) : sink_.OnReply(to, backends::Reply(held));
}

bool Retrier::MayRetry(const RetriedRead& entry, const wire::Failure& failure) {
  // A retry would only add to an overload, and other failures would most likely come again.
  if (failure.code != wire::ErrorCode::kNodeDown && failure.code != wire::ErrorCode::kTimeout) return false;
  if (entry.retries >= (*entry.held)->config.pools[entry.target.pool].retries.max) return false;
  const net::TimePoint now = io_.loop.now();
  // The budget is asked last, since asking spends.
  return entry.deadline > now + kFirstPause && by_pool_[entry.target.pool].retry_budget.Spend(now);
}

void Retrier::ScheduleRetry(uint32_t owner) {
  RetriedRead& entry = entries_[owner];
  // Until now the connection's own deadline would have ended the request; during a pause it is on no connection.
  if (entry.retries == 0) ScheduleDeadline(owner);
  const auto whole = kFirstPause * (int64_t{1} << std::min(entry.retries, kMostDoublings));
  // Reads that failed together must not all come back together.
  std::uniform_int_distribution<int64_t> jitter(whole.count() / 2, whole.count());
  ++entry.retries;
  entry.waiting = true;
  stats_[entry.target.pool].retries.Add();
  events_.emplace(io_.loop.now() + net::Duration(jitter(io_.random)), Event{owner, entry.serial, RetryStep::kRetry});
  event_timer_->Arm(events_.begin()->first - io_.loop.now());
}

void Retrier::ScheduleDeadline(uint32_t owner) {
  const RetriedRead& entry = entries_[owner];
  events_.emplace(entry.deadline, Event{owner, entry.serial, RetryStep::kDeadline});
  event_timer_->Arm(events_.begin()->first - io_.loop.now());
}

void Retrier::RunEvents() {
  const net::TimePoint now = io_.loop.now();
  while (!events_.empty() && events_.begin()->first <= now) {
    const Event event = events_.begin()->second;
    events_.erase(events_.begin());
    // The entry may hold another read by now.
    if (entries_[event.owner].serial != event.serial) continue;
    event.step == RetryStep::kRetry ? Retry(event.owner) : Expire(event.owner);
  }
  if (!events_.empty()) event_timer_->Arm(events_.begin()->first - now);
}

void Retrier::Retry(uint32_t owner) {
  RetriedRead& entry = entries_[owner];
  if (entry.answered) return;
  entry.waiting = false;
  const Target& target = entry.target;
  backends::NodePool& pool = entry.held->node_pools[target.pool];
  const backends::Choice choice = target.may_move
                                      ? pool.Choose(target.hash, target.claim())
                                      : backends::Choice{target.node, pool.Admits(target.node, target.claim())};
  if (choice.admission == backends::Admission::kGranted) return SendTo(owner, choice.node, 0);
  entry.answered = true;
  const Ticket to = entry.ticket;
  // Nothing that is not used any more is given back within a turn.
  ReleaseIfDone(owner);
  pool.Refuse(choice.node, choice.admission, to);
}

void Retrier::Expire(uint32_t owner) {
  RetriedRead& entry = entries_[owner];
  if (entry.answered) return;
  entry.answered = true;
  const Ticket to = entry.ticket;
  const conf::Pool& pool = (*entry.held)->config.pools[entry.target.pool];
  const wire::Failure failure{wire::ErrorCode::kTimeout, pool.name, pool.nodes[entry.target.node].name, TotalOf(entry)};
  ReleaseIfDone(owner);
  sink_.OnFailure(to, failure);
}

void Retrier::RunHedges(uint32_t pool) {
  const net::TimePoint now = io_.loop.now();
  net::RingQueue<HedgeTime, 64>& hedges = by_pool_[pool].hedges;
  while (!hedges.empty() && hedges.front().due <= now) {
    const HedgeTime hedge = hedges.front();
    hedges.pop_front();
    if (entries_[hedge.owner].serial == hedge.serial) Hedge(hedge.owner);
  }
  if (!hedges.empty()) by_pool_[pool].hedge_timer->Arm(hedges.front().due - now);
}

void Retrier::Hedge(uint32_t owner) {
  RetriedRead& entry = entries_[owner];
  // One that has failed is the retries' business.
  if (entry.answered || entry.hedged || entry.retries > 0) return;
  const Target& target = entry.target;
  const auto node = entry.held->node_pools[target.pool].ChooseOther(target.hash, target.node, target.claim());
  if (!node || !by_pool_[target.pool].hedge_budget.Spend(io_.loop.now())) return;
  entry.hedged = true;
  stats_[target.pool].hedges.Add();
  ScheduleDeadline(owner);
  SendTo(owner, *node, 1);
}

void Retrier::Tick(const HeldSnapshot& held) {
  for (uint32_t p = 0; p < by_pool_.size(); ++p) {
    if (by_pool_[p].hedging.budget.thousandths == 0) continue;
    by_pool_[p].hedge_after = held.node_pools[p].MedianPercentile95().value_or(net::Duration(0));
  }
}

}  // namespace ringproxy::proxy
