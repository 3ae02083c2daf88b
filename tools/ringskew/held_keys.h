// tools/ringskew/held_keys.h – Keys that were read from nodes, and those of them that lie where the ring does not look.
//
// Threads: one owner.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/ringskew/key_source.h"
#include "tools/ringskew/report.h"
#include "tools/ringskew/topology.h"

namespace ringproxy::ringskew {

class HeldKeys {
 public:
  explicit HeldKeys(size_t nodes) : misplaced_(nodes) {}

  // A key with a holder, both it and the owner being of `nodes`.
  void Add(const KeySample& sample, ring::NodeIndex owner, const std::vector<conf::Node>& nodes);
  // Sets what is misplaced, if any key had a holder. Requires: the report has its rows of nodes.
  void AddTo(Report& report) const;

 private:
  uint64_t keys_ = 0;
  std::vector<uint64_t> misplaced_;  // By the node that holds them.
  std::vector<MisplacedReport::Example> examples_;
};

}  // namespace ringproxy::ringskew
