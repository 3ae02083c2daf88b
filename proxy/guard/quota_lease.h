// proxy/guard/quota_lease.h – One worker's tokens of one bucket of a global limit, leased in batches from the store.
//
// Purpose: the way of a request never waits for the store: it takes tokens that were fetched ahead of it, one question
// under way at a time. What that means:
//   batch     What the demand takes in lead + span. The next is asked for when what is left lasts for the lead alone
//             (two round trips as measured). The span is as short as the store's calls allow (a call brings some 64
//             tokens of an even fleet's, so calls stay below two in a hundred requests), at most the horizon: tokens in
//             hand are what can be admitted beyond the bound, and a batch of a fixed length strands or starves.
//   contended The store gave less than was wanted: it is empty. Each lessee then asks once in a span and takes what
//             there is. Asking when the store could give a single token again would let all lessees race for it.
//   credit    A lessee without tokens whom the store has not told otherwise admits requests at once and pays with the
//             next question, which follows on the spot: what a client sends in one go comes before any answer. It may
//             owe its share of what the bucket has, by the store's last word and the rate since then (all of the burst
//             when nothing is known), and in any case the rate of 20 ms divided by the lessees. Of a busy key that is
//             the first touch, and the moment when the demand outruns a batch; a key of few requests within a ttl is
//             always paid so, since most tokens fetched ahead would be forgotten unspent. There is none before the
//             bucket can have refilled what all lessees together may owe at least; and just after an answer only what
//             is surely left of its share, since others may not have paid theirs yet.
// Bound: within any interval t all lessees together admit at most burst + rate·t + the tokens that they held at its
// beginning + their credit. A lessee holds at most rate · horizon (in all they hold what they spend in about half a
// span). Credit is taken from what the bucket has, unless others have emptied it since the lessee's last answer; then
// it is a debt, of at most the larger of burst / lessees and the rate of 20 ms / lessees. The store is charged for all
// of it, so in the long run exactly the rate is admitted. A store that loses its data gives the burst once more, unless
// it was missed meanwhile (LeaseRequest::after_outage). Threads: its worker's. Pure: fed with time, costs, replies and
// random numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "backends/net/loop.h"
#include "proxy/guard/demand_meter.h"
#include "proxy/guard/last_word.h"
#include "proxy/guard/lease_script.h"

namespace ringproxy::proxy {

// Of a limit (or one of its overrides), the same for all its leases in this worker.
struct LeasePolicy {
  LeaseTerms terms;
  conf::Lease lease;
};

class QuotaLease {
 public:
  struct Answer {
    bool admitted = false;
    net::Duration retry_after{0};  // Of a refusal. Never zero; below zero: no wait helps, the cost exceeds the burst.
  };

  // `lessees`: how many workers share the limit, as last heard; at least 1.
  Answer Take(const LeasePolicy& policy, net::TimePoint now, uint64_t cost, uint32_t lessees);
  // What Take would say.
  Answer Peek(const LeasePolicy& policy, net::TimePoint now, uint64_t cost, uint32_t lessees) const;
  // Another limit has refused the request.
  void GiveBack(uint64_t cost);
  // Used whether the lease has it or not; paid with the next request to the store. At most the burst and a second's
  // tokens are remembered. Call Ask after it too.
  void Charge(const LeasePolicy& policy, net::TimePoint now, uint64_t cost);

  // What to ask the store now, if anything; exactly one OnReply or OnFailure has to follow before it asks again.
  // Call it after every Take. `random` in [0, 1) spreads the times at which proxies ask again.
  std::optional<LeaseRequest> Ask(const LeasePolicy& policy, net::TimePoint now, uint32_t lessees, double random);
  void OnReply(const LeasePolicy& policy, net::TimePoint now, const LeaseReply& reply, double random);
  // No answer in time, or an error. Tokens in hand are spent, but no credit is given any more; `on_failure` decides
  // elsewhere what becomes of the other requests. While there is demand, Ask tries again about every 50 ms.
  void OnFailure(net::TimePoint now);

  // Since when the store fails; nullopt while it answers.
  std::optional<net::TimePoint> failing_since() const;
  bool asking() const { return asking_; }
  uint64_t tokens(net::TimePoint now) const { return now < expires_ ? tokens_ : 0; }
  uint64_t debt() const { return uint64_t{debt_} + question_.debt; }
  // Nothing would be lost by forgetting it. A lease with a debt is not idle: who waits for that calls Ask.
  bool idle(net::TimePoint now) const;

 private:
  struct Batch {
    uint64_t size = 0;  // 0: too little demand to fetch anything ahead.
    uint64_t low = 0;   // Ask for the next when no more is left.
  };
  struct Decision {
    Answer answer;
    uint32_t held = 0;  // Paid with tokens …
    uint32_t owed = 0;  // … and on credit.
  };
  // The question under way, or the last one.
  struct AskedAmount {
    uint32_t want = 0;
    uint32_t debt = 0;  // That is to be paid with it.
    uint32_t lessees = 1;
    uint32_t at_us = 0;  // Its lowest bits are enough for a round trip.
  };
  Decision Decide(const LeasePolicy& policy, net::TimePoint now, uint64_t cost, uint32_t lessees) const;
  net::Duration Span(const LeasePolicy& policy) const;
  Batch PlanBatch(const LeasePolicy& policy, double demand) const;

  LastWord word_;
  DemandMeter demand_;
  net::TimePoint expires_;        // Of the tokens.
  net::TimePoint next_ask_;       // Not before.
  net::TimePoint failing_since_;  // If failing_.
  AskedAmount question_;
  uint32_t tokens_ = 0;
  uint32_t low_ = 0;               // Of the last batch.
  uint32_t debt_ = 0;              // To be paid with the next question.
  uint32_t pending_ = 0;           // The most that a request cost that was refused since the last question.
  uint32_t round_trip_us_ = 1000;  // Smoothed.
  bool asking_ = false;
  bool failing_ = false;
};

}  // namespace ringproxy::proxy
