#include "tools/ringskew/change_trial.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace ringproxy::ringskew {
namespace {

constexpr ring::NodeIndex kNoNode = std::numeric_limits<ring::NodeIndex>::max();

}  // namespace

ChangeTrial::ChangeTrial(const conf::Pool& pool, const Change& change)
    : what_(change.ToString()), changed_(*Changed(pool, change), true) {
  for (const conf::Node& node : changed_.topology().pool.nodes) {
    // A node is its name, whatever place it has in the list (semantics.md 32).
    const auto same = std::ranges::find(pool.nodes, node.name, &conf::Node::name);
    node_was_.push_back(same == pool.nodes.end() ? kNoNode : static_cast<ring::NodeIndex>(same - pool.nodes.begin()));
  }
}

void ChangeTrial::Add(const KeyBatch& keys, size_t size, const OwnerBatch& before) {
  const OwnerBatch after = changed_.Add(hashes_, keys, size);
  for (size_t i = 0; i < size; ++i) {
    if (node_was_[after[i]] == before[i]) continue;
    ++moved_keys_;
    moved_distinct_.Add(keys.identities[i]);
    moved_requests_ += keys.requests[i];
  }
}

void ChangeTrial::AddHeld(const KeySample& sample) {
  const Topology& topology = changed_.topology();
  if (node_was_[topology.Owner(topology.hasher(sample.key))] != sample.holder) ++misplaced_;
}

double ChangeTrial::LeastMoved(const Topology& before) const {
  const std::vector<double> shares_before = ring::FairShares(before.weights());
  const std::vector<double> shares = ring::FairShares(changed_.topology().weights());
  double gained = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    const ring::NodeIndex was = node_was_[i];
    // What some nodes gain has to come from others, so this much moves in any case.
    gained += std::max(shares[i] - (was == kNoNode ? 0 : shares_before[was]), 0.0);
  }
  return gained;
}

ChangeReport ChangeTrial::MakeReport(const Report& report, const Topology& before) const {
  ChangeReport change;
  change.what = what_;
  change.nodes = changed_.Rows(report.requests);
  change.requests = ring::MeasureSpread(changed_.requests(), changed_.topology().weights());
  const uint64_t all = report.keys_repeat ? report.distinct_keys : report.keys;
  change.extra_misses =
      report.keys_repeat ? static_cast<uint64_t>(std::llround(moved_distinct_.Estimate())) : moved_keys_;
  // Both numbers may be estimates, and one may pass the other by a little.
  change.moved_keys =
      std::min(static_cast<double>(change.extra_misses) / static_cast<double>(std::max<uint64_t>(all, 1)), 1.0);
  change.moved_requests = report.requests > 0 ? moved_requests_ / report.requests : 0;
  change.least_moved = LeastMoved(before);
  if (report.misplaced) change.misplaced = misplaced_;
  return change;
}

}  // namespace ringproxy::ringskew
