#include "tools/ringskew/held_keys.h"

#include <numeric>

namespace ringproxy::ringskew {
namespace {

constexpr size_t kMisplacedExamples = 5;

}  // namespace

void HeldKeys::Add(const KeySample& sample, ring::NodeIndex owner, const std::vector<conf::Node>& nodes) {
  ++keys_;
  if (owner == sample.holder) return;
  ++misplaced_[sample.holder];
  if (examples_.size() == kMisplacedExamples) return;
  examples_.push_back({std::string(sample.key), nodes[sample.holder].name, nodes[owner].name});
}

void HeldKeys::AddTo(Report& report) const {
  if (keys_ == 0) return;
  for (size_t i = 0; i < misplaced_.size(); ++i) report.nodes[i].misplaced = misplaced_[i];
  const uint64_t all = std::accumulate(misplaced_.begin(), misplaced_.end(), uint64_t{0});
  report.misplaced = {all, static_cast<double>(all) / static_cast<double>(keys_), examples_};
}

}  // namespace ringproxy::ringskew
