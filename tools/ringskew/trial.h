// tools/ringskew/trial.h – One ring under test, and what each of its nodes got of the keys.
//
// Keys come in batches: where a ring lies in a far cache, the lookups of a batch wait for memory together and not one
// after another, which makes 100 nodes x 1,024 points three times as fast.
// Threads: one owner. Memory: for each node some counters, and 4 KiB more where distinct keys are counted.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "ring/distinct_counter.h"
#include "tools/ringskew/report.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {

struct KeyBatch {
  static constexpr size_t kMost = 64;

  // Of the key, whatever the ring hashes by: where that hash is narrow, keys of equal hash would be one.
  std::array<uint64_t, kMost> identities;
  std::array<double, kMost> requests;
  std::array<double, kMost> bytes;
};
using HashBatch = std::array<uint64_t, KeyBatch::kMost>;
using OwnerBatch = std::array<ring::NodeIndex, KeyBatch::kMost>;

class Trial {
 public:
  Trial(conf::Pool pool, bool counts_distinct);

  // Counts the first `size` keys of the batch, which this ring hashes to `hashes`, and says who owns them.
  OwnerBatch Add(const HashBatch& hashes, const KeyBatch& keys, size_t size);

  const Topology& topology() const { return topology_; }
  // By node: keys as they came, their requests, and about how many of them were distinct.
  std::vector<double> keys() const { return {keys_.begin(), keys_.end()}; }
  const std::vector<double>& requests() const { return requests_; }
  std::vector<uint64_t> DistinctKeys() const;
  std::vector<NodeRow> Rows(double all_requests) const;

 private:
  Topology topology_;
  std::vector<uint64_t> keys_;
  std::vector<double> requests_;
  std::vector<double> bytes_;
  std::vector<ring::DistinctCounter> distinct_;  // Empty where they are not counted.
};

}  // namespace ringproxy::ringskew
