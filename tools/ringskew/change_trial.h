// tools/ringskew/change_trial.h – A pool as it might become, and the keys that would move to other nodes.
//
// Purpose: gets the same keys in the same batches as the pool that is, and compares who owns them.
// Threads: one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ring/distinct_counter.h"
#include "tools/ringskew/key_source.h"
#include "tools/ringskew/report.h"
#include "tools/ringskew/topology.h"
#include "tools/ringskew/trial.h"

namespace ringproxy::ringskew {

class ChangeTrial {
 public:
  // Requires: `change` applies to the pool.
  ChangeTrial(const conf::Pool& pool, const Change& change);

  // A batch is being filled, and this is its key at `place`: another algorithm may hash otherwise.
  void Hash(size_t place, std::string_view key) { hashes_[place] = changed_.topology().hasher(key); }
  // Counts the first `size` keys of the batch, which belong to the nodes `before` of the pool that is.
  void Add(const KeyBatch& keys, size_t size, const OwnerBatch& before);
  // Notes a key that was read from a node of the pool that is.
  void AddHeld(const KeySample& sample);

  // Requires: `report` knows how many keys and requests there are, and what is misplaced. `before`: the pool that is.
  ChangeReport MakeReport(const Report& report, const Topology& before) const;

 private:
  // The part of all keys that must move between the two topologies, whatever the algorithm.
  double LeastMoved(const Topology& before) const;

  std::string what_;
  Trial changed_;
  HashBatch hashes_;                       // Of the batch's keys.
  std::vector<ring::NodeIndex> node_was_;  // By node: the same one of the pool that is, or none.
  uint64_t moved_keys_ = 0;
  ring::DistinctCounter moved_distinct_;
  double moved_requests_ = 0;
  uint64_t misplaced_ = 0;
};

}  // namespace ringproxy::ringskew
