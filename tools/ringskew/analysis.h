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

#include "ring/heavy_hitters.h"
#include "tools/ringskew/key_source.h"
#include "tools/ringskew/report.h"
#include "tools/ringskew/topology.h"

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
  // Once, after the last key.
  Report Finish(const std::string& source, bool partial);

 private:
  struct Tally {
    std::vector<uint64_t> keys;
    std::vector<double> requests;
    std::vector<double> bytes;

    explicit Tally(size_t nodes) : keys(nodes), requests(nodes), bytes(nodes) {}
    void Add(ring::NodeIndex node, const KeySample& sample) {
      ++keys[node];
      requests[node] += sample.requests;
      bytes[node] += sample.bytes;
    }
  };
  // One ring under test.
  struct Trial {
    Topology topology;
    Tally tally;

    explicit Trial(Topology t) : topology(std::move(t)), tally(topology.pool.nodes.size()) {}
  };

  std::vector<NodeRow> Rows(const Trial& trial) const;
  void AddHotKeys(Report& report) const;
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
  ring::HeavyHitters hot_keys_;
  ring::HeavyHitters hot_prefixes_;
  std::vector<uint64_t> sample_hashes_;  // Of the first keys, to time lookups with.
  uint64_t keys_ = 0;
  double requests_ = 0;
  double bytes_ = 0;
  uint64_t moved_keys_ = 0;
  double moved_requests_ = 0;
};

}  // namespace ringproxy::ringskew
