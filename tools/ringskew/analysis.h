// tools/ringskew/analysis.h – Throws keys at a pool's ring, at the ring that it might become and at those of a sweep,
// and makes the report of it. One pass, constant memory.
//
// Threads: one owner.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ring/distinct_counter.h"
#include "ring/heavy_hitters.h"
#include "tools/ringskew/key_source.h"
#include "tools/ringskew/report.h"
#include "tools/ringskew/topology.h"
#include "tools/ringskew/trial.h"

namespace ringproxy::ringskew {

struct AnalysisOptions {
  std::optional<Change> change;
  std::vector<uint32_t> sweep;  // Virtual nodes.
  double target = 1.10;         // Peak/mean.
  std::string prefix_delimiter = ":";
};

class Analysis {
 public:
  // Requires: `change`, if there is one, applies to the pool.
  Analysis(conf::Pool pool, AnalysisOptions options);

  void Add(const KeySample& sample);
  uint64_t keys() const { return keys_; }
  // Once, after the last key.
  Report Finish(const std::string& source, bool partial);

 private:
  // Notes a key that was read from a node.
  void AddHeld(const KeySample& sample, uint64_t hash);
  // The hash by which the changed ring picks.
  uint64_t ChangedHash(const KeySample& sample) const { return changed_->topology().hasher(sample.key); }
  void CountMoved(const OwnerBatch& before, const OwnerBatch& after);
  // Throws what waits in the batch at all rings.
  void Flush();
  // Sets how many keys are distinct, and with them how many there are if they repeat.
  void AddKeys(Report& report) const;

  void AddHotKeys(Report& report) const;
  void AddMisplaced(Report& report) const;
  void AddChange(Report& report) const;
  void AddSweep(Report& report) const;
  double LookupNs(const ring::Ring& ring) const;
  // The part of all keys that must move between the two topologies, whatever the algorithm.
  double LeastMoved() const;

  AnalysisOptions options_;
  Trial base_;
  std::optional<Trial> changed_;
  std::vector<ring::NodeIndex> base_of_changed_;  // By node of changed_: the same node of base_, or none.
  std::vector<Trial> sweep_;
  KeyBatch batch_;
  HashBatch hashes_;          // Of the batch's keys.
  HashBatch changed_hashes_;  // Likewise.
  size_t batched_ = 0;
  ring::HeavyHitters hot_keys_;
  ring::HeavyHitters hot_prefixes_;
  std::vector<uint64_t> sample_hashes_;  // Of the first keys, to time lookups with.
  uint64_t keys_ = 0;
  uint64_t tagged_ = 0;  // Of every kTagSample-th key.
  double requests_ = 0;
  double bytes_ = 0;
  uint64_t moved_keys_ = 0;
  ring::DistinctCounter moved_distinct_;
  double moved_requests_ = 0;
  uint64_t held_keys_ = 0;           // Read from a node.
  std::vector<uint64_t> misplaced_;  // By the node that holds them.
  uint64_t misplaced_after_ = 0;     // By the changed ring.
  std::vector<MisplacedReport::Example> examples_;
};

}  // namespace ringproxy::ringskew
