// proxy/guard/last_word.h – What the store has last said of one bucket, and what a lessee may owe by that.
//
// Purpose: the rules of a lease's credit (quota_lease.h): none while the store is known to be empty, none before the
// bucket can have refilled what all lessees together may owe at least, little just after an answer.
// Threads: its worker's. Pure: fed with time and replies.
#pragma once

#include <algorithm>
#include <cstdint>

#include "backends/net/loop.h"
#include "proxy/guard/lease_script.h"
#include "proxy/guard/lease_units.h"

namespace ringproxy::proxy {

class LastWord {
 public:
  void OnReply(const LeaseTerms& terms, net::TimePoint now, const LeaseReply& reply) {
    heard_ = true;
    heard_at_us_ = LowBits(now);
    refused_until_ = now + std::max(reply.retry_after, net::Duration(0));
    const double used = static_cast<double>(terms.burst) * reply.used_thousandths / 1000.0;
    full_from_ = now + net::Duration(static_cast<int64_t>(used / TokensPerMicrosecond(terms)));
  }
  // The store gave less than was wanted.
  void OnContended(net::TimePoint until) { contended_until_ = until; }

  // In all, with what is owed already. All of the burst, divided by the lessees, when nothing was heard yet.
  double Credit(const LeaseTerms& terms, net::TimePoint now, uint32_t lessees) const {
    if (now < contended_until_) return 0;
    const double burst = static_cast<double>(terms.burst);
    const double missing = InMicroseconds(std::max(full_from_ - now, net::Duration(0))) * TokensPerMicrosecond(terms);
    const double least = LeastCredit(terms, lessees);
    if (burst - missing < std::min(burst, lessees * least)) return 0;
    const bool is_settled = !heard_ || LowBits(now) - heard_at_us_ >= kCreditTime.count();
    // Until then the others may not have paid what they owe, each its share: what is missing was all this lessee's.
    return std::max(least, is_settled ? (burst - missing) / lessees : burst / lessees - missing);
  }

  // The store has said that there will be no tokens before.
  net::TimePoint refused_until() const { return refused_until_; }
  // Nothing would be lost by forgetting it.
  bool IsForgettable(net::TimePoint now) const {
    return now >= std::max({refused_until_, full_from_, contended_until_});
  }

 private:
  static constexpr net::Duration kCreditTime = std::chrono::milliseconds(20);

  // What a lessee may owe as soon as the bucket has that for all of them.
  static double LeastCredit(const LeaseTerms& terms, uint32_t lessees) {
    return std::max(1.0, TokensPerMicrosecond(terms) * InMicroseconds(kCreditTime) / lessees);
  }

  net::TimePoint refused_until_;
  net::TimePoint full_from_;  // The bucket is full then, if nobody takes from it.
  net::TimePoint contended_until_;
  uint32_t heard_at_us_ = 0;  // Its lowest bits.
  bool heard_ = false;
};

}  // namespace ringproxy::proxy
