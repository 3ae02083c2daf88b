// proxy/guard/bucket_table.h – The buckets of one limit, shared by all workers, in bounded memory.
//
// Purpose: finds the bucket of a key (64 bits of a seeded hash: see limit_rules) and changes its word by one
// compare-and-swap, so that a limit holds exactly over all workers. A bucket that is full again may be forgotten
// without loss, and no other ever is: whoever invents keys fills the table, and then the new ones share a bucket, which
// admits less, never more.
// How: a key can stand in one set of seven slots, two cache lines with the set's gate and its shared bucket. A key and
// its word are replaced together (16 bytes), so that no worker can charge the next owner of a slot, and none waits for
// another. Only who does not find its key passes the gate, which lets in one worker a set: it looks again, or puts a
// bucket into an empty slot or in place of the one that is full for longest, or charges the set's shared bucket. It
// holds the gate for some 50 ns, and another that wants in meanwhile spins.
// Why a key is admitted no more than one bucket admits, whichever buckets it meets: a new bucket begins in the state of
// the set's shared bucket, and at the latest time at which a bucket of the set was forgotten, by whatever clock. For
// concurrency, which must be given back where it was taken, the set gives no new buckets until its shared one is empty.
// Promises: no allocation after construction. Requires: all calls of one table pass the same algorithm, and for windows
// the same window; amounts, rates and bursts may differ by key.
// Threads: any, all functions. Memory: 32 to 64 bytes a bucket (128 at least), all of it at once, when it is made.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/guard/limit_algorithm.h"

namespace ringproxy::proxy {

struct BucketSet;

class BucketTable {
 public:
  // For some `buckets` keys at a time; 1 for a limit that has one bucket in all, whatever the key.
  explicit BucketTable(size_t buckets);
  ~BucketTable();

  // `fresh_ns`: a token bucket that the table does not know begins as if it had been emptied then; 0 = full.
  BucketAnswer Take(uint64_t key, const BucketLimit& limit, int64_t now_ns, uint64_t cost, int64_t fresh_ns = 0);
  // What Take would answer; changes nothing.
  BucketAnswer Peek(uint64_t key, const BucketLimit& limit, int64_t now_ns, uint64_t cost, int64_t fresh_ns = 0) const;
  // GiveBack of limit_algorithm.h; `overflowed` as the answer of the Take said.
  void Return(uint64_t key, const BucketLimit& limit, int64_t taken_ns, uint64_t cost, bool overflowed);
  // ChargeTo and UsedShare of limit_algorithm.h.
  void Charge(uint64_t key, const BucketLimit& limit, int64_t now_ns, uint64_t cost);
  double Used(uint64_t key, const BucketLimit& limit, int64_t now_ns) const;

  // Buckets in use, some of which may be full again; reads the whole table.
  size_t size() const;
  // Requests that met a shared bucket.
  uint64_t overflows() const { return overflows_.load(std::memory_order_relaxed); }
  size_t capacity() const;

 private:
  template <typename Operation>
  BucketAnswer Change(uint64_t key, const BucketLimit& limit, int64_t now_ns, int64_t fresh_ns, Operation operation);
  template <typename Operation>
  BucketAnswer ChangeUnfound(BucketSet& set, uint64_t key, const BucketLimit& limit, int64_t now_ns, int64_t fresh_ns,
                             Operation operation);
  BucketSet& SetOf(uint64_t key) const;

  int set_bits_ = 0;                   // The table has 2^set_bits_ sets.
  std::unique_ptr<BucketSet[]> sets_;  // Null: only_ is the table.
  alignas(64) std::atomic<uint64_t> only_{0};
  alignas(64) std::atomic<uint64_t> overflows_{0};
};

}  // namespace ringproxy::proxy
