#include "tools/ringskew/rehash_trial.h"

#include <algorithm>
#include <numeric>

namespace ringproxy::ringskew {

ring::HashAlgorithm BetterHash(const conf::RingOptions& ring) {
  // On a ring of slots the hash is what a slot is.
  if (ring.algorithm == ring::Algorithm::kSlots) return conf::HashOf(ring);
  return conf::IsKetama(ring.algorithm) ? ring::HashAlgorithm::kMd5 : ring::HashAlgorithm::kXxh3;
}

RehashTrial::RehashTrial(const conf::Pool& pool)
    : base_hasher_(pool), gained_(pool.nodes.size()), lost_(pool.nodes.size()) {
  conf::Pool changed = pool;
  const ring::HashAlgorithm better = BetterHash(pool.ring);
  all_keys_ = better != conf::HashOf(pool.ring);
  if (all_keys_) {
    changed.ring.hash = better;
  } else if (!pool.ring.hash_tag.empty()) {
    changed.ring.hash_tag.clear();
  } else {
    return;
  }
  if (!WhyNoRing(changed)) trial_ = MakeTopology(std::move(changed));
}

void RehashTrial::Throw(std::string_view key, uint64_t hash, double requests) {
  // A hash moves no points, so the one ring answers for both.
  const ring::NodeIndex before = trial_->Owner(hash);
  const ring::NodeIndex after = trial_->Owner(trial_->hasher(key));
  if (before == after) return;
  lost_[before] += requests;
  gained_[after] += requests;
  moved_ += requests;
}

std::optional<Forecast::Rehashed> RehashTrial::Result(const std::vector<double>& loads) const {
  if (!trial_) return std::nullopt;
  Forecast::Rehashed result{trial_->pool.ring, {loads, 0}};
  for (size_t i = 0; i < loads.size(); ++i) {
    result.outcome.loads[i] = std::max(loads[i] - lost_[i] + gained_[i], 0.0);
  }
  const double requests = std::accumulate(loads.begin(), loads.end(), 0.0);
  result.outcome.moved = requests > 0 ? std::min(moved_ / requests, 1.0) : 0;
  return result;
}

}  // namespace ringproxy::ringskew
