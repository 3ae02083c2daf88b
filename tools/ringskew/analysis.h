// tools/ringskew/analysis.h – Throws keys at a pool's ring, at the ring that it might become and at those of a sweep,
// and makes the report of it. One pass, constant memory.
//
// Threads: one owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/ringskew/change_trial.h"
#include "tools/ringskew/held_keys.h"
#include "tools/ringskew/hot_names.h"
#include "tools/ringskew/key_source.h"
#include "tools/ringskew/load_map.h"
#include "tools/ringskew/rehash_trial.h"
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

// Of all keys that were read.
struct InputTotals {
  uint64_t keys = 0;
  uint64_t tagged = 0;  // Of every kTagSample-th key.
  double requests = 0;
  double bytes = 0;
};

class Analysis {
 public:
  // Requires: `change`, if there is one, applies to the pool.
  Analysis(conf::Pool pool, AnalysisOptions options);

  void Add(const KeySample& sample);
  uint64_t keys() const { return totals_.keys; }
  // Once, after the last key.
  Report Finish(const std::string& source, bool partial);

 private:
  // Notes a key that was read from a node.
  void AddHeld(const KeySample& sample, uint64_t hash);
  // Throws what waits in the batch at all rings.
  void Flush();
  // Sets how many keys are distinct, and with them how many there are if they repeat.
  void AddKeys(Report& report) const;
  void AddSweep(Report& report) const;
  double LookupNs(const ring::Ring& ring) const;

  AnalysisOptions options_;
  Trial base_;
  std::optional<ChangeTrial> change_;
  std::vector<Trial> sweep_;
  KeyBatch batch_;
  HashBatch hashes_;  // Of the batch's keys.
  size_t batched_ = 0;
  HotNames hot_;
  LoadMap loads_;
  HeldKeys held_;
  std::vector<uint64_t> sample_hashes_;  // Of the first keys, to time lookups with.
  RehashTrial rehash_;
  InputTotals totals_;
};

}  // namespace ringproxy::ringskew
