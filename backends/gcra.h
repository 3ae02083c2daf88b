// backends/gcra.h – The generic cell rate algorithm (ITU-T I.371): a token bucket whose state is one time.
//
// Purpose: the one place where it stands; TokenBucket keeps the state itself, the buckets of rate limits in a word that
// several workers share. The state is the theoretical arrival time (TAT): when the bucket will be full again.
// Promise: in any interval t no more than tolerance / interval + t / interval are admitted at once, and what is told to
// wait keeps to it as well. A refusal changes nothing. Whole nanoseconds, so that nothing drifts.
// Threads: pure functions of what they are given.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ringproxy::backends {

class Gcra {
 public:
  static constexpr int64_t kNever = -1;

  struct Answer {
    bool admitted = false;
    // Admitted: after this it may go. Refused: after this, and not before, it would be admitted; kNever if no wait
    // helps, since the bucket never holds so much.
    int64_t wait_ns = 0;
    int64_t used_ns = 0;  // Of the tolerance, after this answer.
  };

  // `interval_ns`: between two tokens. `tolerance_ns`: the burst times the interval. `max_wait_ns`: how far ahead a
  // request may be charged, to be delayed.
  constexpr Gcra(int64_t interval_ns, int64_t tolerance_ns, int64_t max_wait_ns = 0)
      : interval_ns_(interval_ns), tolerance_ns_(tolerance_ns), max_wait_ns_(max_wait_ns) {}

  // A cost of 0 charges nothing and is admitted unless the bucket is in debt.
  Answer Take(int64_t now, uint64_t cost, int64_t* tat) const {
    const int64_t charge = ChargeOf(cost, tolerance_ns_);
    const int64_t behind = Used(now, *tat);
    if (charge > tolerance_ns_) return {.wait_ns = kNever, .used_ns = behind};
    const int64_t beyond = behind + charge - tolerance_ns_;
    if (beyond > max_wait_ns_) return {.wait_ns = beyond - max_wait_ns_, .used_ns = behind};
    if (cost > 0) *tat = now + behind + charge;
    return {.admitted = true, .wait_ns = std::max<int64_t>(beyond, 0), .used_ns = behind + charge};
  }

  // Not below the time of the Take: there the bucket was full, and fuller than full it cannot be.
  void GiveBack(int64_t taken, uint64_t cost, int64_t* tat) const {
    if (*tat > taken) *tat = std::max(*tat - ChargeOf(cost, tolerance_ns_), taken);
  }

  // What has been used already, whether the bucket has it or not; `most_debt_ns` is remembered beyond what Take
  // charges.
  void Charge(int64_t now, uint64_t cost, int64_t most_debt_ns, int64_t* tat) const {
    const int64_t most = tolerance_ns_ + max_wait_ns_ + most_debt_ns;
    const int64_t ahead = Used(now, *tat) + std::min(ChargeOf(cost, most), most);
    if (cost > 0) *tat = std::max(*tat, now + std::min(ahead, most));
  }

  // Of the tolerance; above it is debt, or charged ahead.
  static int64_t Used(int64_t now, int64_t tat) { return std::max<int64_t>(tat - now, 0); }

 private:
  // Of what is above `most`, only that it is.
  int64_t ChargeOf(uint64_t cost, int64_t most) const {
    int64_t charge = 0;
    const bool overflows = __builtin_mul_overflow(cost, interval_ns_, &charge);
    return overflows || charge > most ? most + 1 : charge;
  }

  int64_t interval_ns_;
  int64_t tolerance_ns_;
  int64_t max_wait_ns_;
};

}  // namespace ringproxy::backends
