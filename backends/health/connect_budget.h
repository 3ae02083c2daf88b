// backends/health/connect_budget.h – When one of a node's connections may be opened: how often, and who goes first.
//
// Purpose: attempts at a node that is gone have to be few, and those at a node that is back must not pay for them. One
// attempt at a time is under way, and it counts against the rate. Once it has succeeded the node's other connections
// follow at once: their allowance is apart from the rate, so that what failed before has not used it up. A node that
// has a connection leaves the last token to the moment when it has none, and one for which nobody waits leaves every
// token to one for which a client does.
// Promise: in any window of the rate no more than rate.amount + connections - 1 begin.
// Threads: one owner's. Fed with time.
#pragma once

#include <random>

#include "backends/net/loop.h"
#include "backends/token_bucket.h"
#include "conf/config.h"

namespace ringproxy::backends {

// Who waits for a connection to be opened.
enum class ConnectNeed : uint8_t {
  kSpare,   // Nobody: others serve its clients.
  kUsual,   // That is not known, or there are many like it.
  kClient,  // A request of a client, which no other connection takes.
};

class ConnectBudget {
 public:
  // `connections`: how many the node has. `longest`: after this an attempt has ended, whatever is heard of it.
  ConnectBudget(conf::Rate rate, uint32_t connections, net::Duration longest);

  // 0: an attempt may begin now, which is counted. Else when to ask again, unless another one succeeds before.
  // `has_ready`: the node has a connection that is ready.
  net::Duration Wait(net::TimePoint now, bool has_ready, std::mt19937_64& random,
                     ConnectNeed need = ConnectNeed::kUsual);
  void OnReady(net::TimePoint now);
  void OnFailed();
  // No attempt is under way any more.
  void OnGivenUp() { first_until_ = {}; }

 private:
  // As Wait, where nobody else asks.
  net::Duration Ask(net::TimePoint now, bool has_ready);
  // An attempt may still fail. That a single connection asks again says that its last one has ended.
  bool IsOneUnderWay(net::TimePoint now) const { return connections_ > 1 && now < first_until_; }
  // A wait between `least` and as many times that as there are connections.
  net::Duration Spread(net::Duration least, std::mt19937_64& random) const;

  uint64_t burst_;
  TokenBucket rate_;
  net::Duration window_;
  net::Duration interval_;  // Between two attempts, once the burst is used up.
  net::Duration longest_;
  uint32_t connections_;
  uint32_t followers_ = 0;           // That may still follow the one that succeeded.
  net::TimePoint first_until_{};     // An attempt is under way until then at the latest.
  net::TimePoint follow_until_{};    // After this a success says nothing any more.
  net::TimePoint next_followers_{};  // None are allowed again before.
  net::TimePoint client_until_{};    // Until then one for which a client waits will ask again.
};

}  // namespace ringproxy::backends
