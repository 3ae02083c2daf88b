// proxy/guard/limit_algorithm.h – How a bucket decides: four algorithms over one 64-bit word of state.
//
// Purpose: a bucket is one word, so that a worker can replace it by one compare-and-swap (bucket_table.h). Pure: fed
// with the word, the time and a cost. Times are whole nanoseconds, so that nothing drifts. The word 0 is a bucket that
// was never used, and equal words are equal states: a word that comes back by chance does no harm.
// What is admitted at most in any interval t, for rate r = amount / window and burst B:
//   token bucket       B + r·t   GCRA (ITU-T I.371); the word is the theoretical arrival time (TAT).
//   sliding window     2·amount within a window's length: all at the end of a window, then as much again by the end of
//                      the next, as the overlap with the last shrinks. The word is number | previous | current.
//   fixed window       2·amount in no time at all, at the edge of two windows; amount within one. number | count.
//   concurrency        no bound on the rate; at most `amount` at one time. The word is the count.
// Clocks: workers read theirs once a turn, so `now_ns` may differ between them by some δ and go back from call to call.
// A bucket goes by the latest time that it has seen, so a clock behind is only treated more strictly. The bounds hold
// for the times that were passed in, whatever their order; of the true time, for t + δ.
// Threads: pure functions.
#pragma once

#include <cstdint>

#include "backends/gcra.h"
#include "conf/config.h"

namespace ringproxy::proxy {

// What a window can count: `amount` is cut to it.
inline constexpr uint64_t kMostInWindow = (uint64_t{1} << 24) - 1;

// What a bucket allows, made once from the configuration.
struct BucketLimit {
  conf::LimitAlgorithm algorithm = conf::LimitAlgorithm::kTokenBucket;
  int64_t interval_ns = 1;   // Token bucket: between two tokens, rounded up; so rates above 10 million a second lose.
  int64_t tolerance_ns = 0;  // Token bucket: burst × interval.
  int64_t max_wait_ns = 0;   // Token bucket: how far ahead a request may be charged, to be delayed.
  int64_t window_ns = 1;     // Windows.
  uint64_t amount = 0;       // Windows: the most in one. Concurrency: the most at one time.
};

// `burst` 0: a tenth of the amount that the rate gives in a second, at least 1. An amount of 0 admits nothing.
BucketLimit MakeBucketLimit(conf::LimitAlgorithm algorithm, conf::Rate rate, uint64_t burst, uint32_t in_flight);

struct BucketAnswer {
  bool admitted = false;
  // Of a BucketTable: the request met the bucket that is shared by those that found no place for one of their own.
  bool overflowed = false;
  bool near_limit = false;  // At least four fifths of what the bucket allows are used up, after this answer.
  // Admitted: after this it may go (0: at once). Refused: after this, and not before, it would be admitted; kNever if
  // no wait helps, since the bucket never holds so much. Concurrency cannot know when others end, and says 0.
  int64_t wait_ns = 0;
};
inline constexpr int64_t kNever = backends::Gcra::kNever;

// Charges `cost` to the bucket `word` if it is admitted; else the word stays as it is. A cost of 0 charges nothing and
// is admitted unless the bucket is in debt.
BucketAnswer TakeFrom(const BucketLimit& limit, int64_t now_ns, uint64_t cost, uint64_t* word);
// Gives back what one TakeFrom at `taken_ns` has charged: a request that another limit refused, or (concurrency) one
// that has ended. Give back within the same turn of the loop: what a full bucket has refilled meanwhile (or what a
// window has forgotten, for windows know) cannot be told from what was taken, so that at most the cost of one request
// for each other worker may be admitted again.
void GiveBack(const BucketLimit& limit, int64_t taken_ns, uint64_t cost, uint64_t* word);
// Charges what has been used already, whether the bucket has it or not: debt, of the token bucket at most one second
// beyond its tolerance and wait, of a window forgotten with it. Concurrency knows no debt.
void ChargeTo(const BucketLimit& limit, int64_t now_ns, uint64_t cost, uint64_t* word);
// A bucket in this state says the same as one that was never used, now and later: it may be forgotten.
bool IsFull(const BucketLimit& limit, int64_t now_ns, uint64_t word);
// 0 (nothing used) to 1 (nothing left), or above (debt).
double UsedShare(const BucketLimit& limit, int64_t now_ns, uint64_t word);

}  // namespace ringproxy::proxy
