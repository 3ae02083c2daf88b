#include "backends/health/connect_budget.h"

#include <algorithm>

namespace ringproxy::backends {
namespace {

// Part of the rate is a burst, the rest its refill: in any window no more than the rate together.
uint64_t BurstOf(conf::Rate rate) {
  // A burst of two or more lets a node that has a connection leave a token to the moment when it has none.
  return rate.amount <= 2 ? 1 : std::max<uint64_t>(2, rate.amount / 5);
}

uint64_t RefillOf(conf::Rate rate) {
  return std::max<uint64_t>(1, rate.amount - BurstOf(rate));
}

}  // namespace

ConnectBudget::ConnectBudget(conf::Rate rate, uint32_t connections, net::Duration longest)
    : burst_(BurstOf(rate)),
      rate_(static_cast<double>(RefillOf(rate)) / std::chrono::duration<double>(rate.window).count(), burst_),
      window_(rate.window),
      interval_(window_ / static_cast<int64_t>(RefillOf(rate))),
      longest_(longest),
      connections_(connections) {}

net::Duration ConnectBudget::Wait(net::TimePoint now, bool has_ready, std::mt19937_64& random, ConnectNeed need) {
  if (need == ConnectNeed::kSpare && now < client_until_) return Spread(interval_, random);
  const net::Duration least = Ask(now, has_ready);
  if (need == ConnectNeed::kClient) {
    client_until_ = least > net::Duration(0) ? now + least + interval_ : net::TimePoint{};
    return least;
  }
  if (least == net::Duration(0)) return least;
  const net::Duration spread = Spread(least, random);
  return IsOneUnderWay(now) ? std::min(spread, first_until_ - now) : spread;
}

net::Duration ConnectBudget::Ask(net::TimePoint now, bool has_ready) {
  if (followers_ > 0 && now < follow_until_) {
    --followers_;
    // They follow once a window, or the promise of amount + connections - 1 would not hold.
    next_followers_ = now + window_;
    return net::Duration(0);
  }
  // The attempt that is under way may fail long before its deadline, and then another one has to follow it soon.
  if (IsOneUnderWay(now)) return std::min(interval_, first_until_ - now);
  const net::Duration least = rate_.WaitFor(now, has_ready ? std::min<uint64_t>(burst_, 2) : 1);
  if (least > net::Duration(0)) return least;
  rate_.Take(now);
  first_until_ = now + longest_;
  return net::Duration(0);
}

// Evenly, or all of them would ask again in the same moment, and all but one in vain.
net::Duration ConnectBudget::Spread(net::Duration least, std::mt19937_64& random) const {
  return net::Duration(std::uniform_int_distribution(least.count(), least.count() * connections_)(random));
}

void ConnectBudget::OnReady(net::TimePoint now) {
  first_until_ = {};
  if (now < next_followers_) return;
  followers_ = connections_ - 1;
  follow_until_ = now + longest_;
}

void ConnectBudget::OnFailed() {
  first_until_ = {};
  followers_ = 0;
}

}  // namespace ringproxy::backends
