#include "tools/ringskew/forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "ring/skew.h"

namespace ringproxy::ringskew {
namespace {

// Evenly spread hashes, as ring::RingShares has them, so that its shares and these counts agree.
constexpr uint64_t kSamples = 1 << 20;
constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;

double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

bool HashAlike(const conf::RingOptions& a, const conf::RingOptions& b) {
  const auto mixes = [](ring::Algorithm algorithm) {
    return !conf::IsKetama(algorithm) && algorithm != ring::Algorithm::kSlots && algorithm != ring::Algorithm::kModula;
  };
  // Wider rings mix a narrow hash and the others take it as it is.
  const bool wide = ring::HashBits(conf::HashOf(a)) == 64;
  return conf::HashOf(a) == conf::HashOf(b) && a.hash_tag == b.hash_tag &&
         (wide || mixes(a.algorithm) == mixes(b.algorithm));
}

}  // namespace

Forecast::Forecast(const Topology& base, std::vector<double> loads, std::vector<HotLoad> hot, const LoadMap* map)
    : base_(base), loads_(std::move(loads)), hot_(std::move(hot)), rest_loads_(loads_), requests_(Sum(loads_)) {
  for (const HotLoad& key : hot_) {
    const ring::NodeIndex owner = base_.Owner(base_.hasher(key.key));
    hot_owners_.push_back(owner);
    rest_loads_[owner] = std::max(rest_loads_[owner] - key.requests, 0.0);
    hot_requests_ += key.requests;
  }
  unknown_ = rest_loads_;
  if (map != nullptr) TakeMap(*map);
}

void Forecast::TakeMap(const LoadMap& map) {
  std::vector<double> sampled(loads_.size());
  std::unordered_set<uint64_t> hot;
  for (const HotLoad& key : hot_) hot.insert(base_.hasher(key.key));
  kept_ = map.kept();
  map.ForEach([&](const LoadMap::Entry& entry) {
    if (hot.contains(entry.hash)) return;
    const ring::NodeIndex owner = base_.Owner(entry.hash);
    map_.push_back({entry, owner});
    sampled[owner] += entry.requests;
  });
  for (size_t i = 0; i < unknown_.size(); ++i) unknown_[i] = std::max(rest_loads_[i] - sampled[i], 0.0);
}

void Forecast::AddMap(const Topology& changed, Outcome& outcome) const {
  for (const Placed& placed : map_) {
    const ring::NodeIndex owner = changed.Owner(placed.entry.hash);
    outcome.loads[owner] += placed.entry.requests;
    if (owner != placed.owner) outcome.moved += placed.entry.requests;
  }
}

void Forecast::AddUnknown(const Topology& changed, Outcome& outcome) const {
  // Sums are off by their rounding; what is left of a map that has everything is none of it.
  if (Sum(unknown_) <= 1e-9 * requests_) return;
  const std::vector<double> shares = ring::RingShares(*base_.ring);
  for (uint64_t i = 0; i < kSamples; ++i) {
    const uint64_t hash = i * kGoldenRatio;
    const ring::NodeIndex before = base_.Owner(hash);
    const ring::NodeIndex after = changed.Owner(hash);
    const double requests = unknown_[before] / (shares[before] * kSamples);
    outcome.loads[after] += requests;
    if (before != after) outcome.moved += requests;
  }
}

void Forecast::AddRest(const Topology& changed, Outcome& outcome) const {
  if (HashAlike(base_.pool.ring, changed.pool.ring)) {
    AddMap(changed, outcome);
    AddUnknown(changed, outcome);
    return;
  }
  // Two hashes have nothing in common.
  const double rest = Sum(rest_loads_);
  const std::vector<double> shares = ring::RingShares(*changed.ring);
  double stays = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    outcome.loads[i] += shares[i] * rest;
    if (i < rest_loads_.size()) stays += shares[i] * rest_loads_[i];
  }
  outcome.moved += rest - stays;
}

Forecast::Outcome Forecast::On(const conf::Pool& pool) const {
  if (rehashed_ && pool.ring == rehashed_->ring && pool.nodes == base_.pool.nodes) return rehashed_->outcome;
  const Topology changed = MakeTopology(pool);
  Outcome outcome{std::vector<double>(pool.nodes.size()), 0};
  AddRest(changed, outcome);
  for (size_t i = 0; i < hot_.size(); ++i) {
    const ring::NodeIndex owner = changed.Owner(changed.hasher(hot_[i].key));
    outcome.loads[owner] += hot_[i].requests;
    if (owner != hot_owners_[i]) outcome.moved += hot_[i].requests;
  }
  outcome.moved = requests_ > 0 ? std::min(outcome.moved / requests_, 1.0) : 0;
  return outcome;
}

std::vector<double> Forecast::WithoutHottest(size_t count) const {
  std::vector<double> loads = loads_;
  for (size_t i = 0; i < count; ++i) loads[hot_owners_[i]] = std::max(loads[hot_owners_[i]] - hot_[i].requests, 0.0);
  return loads;
}

std::vector<double> Forecast::WithCopies(size_t count, uint32_t copies) const {
  std::vector<double> loads = WithoutHottest(count);
  for (size_t i = 0; i < count; ++i) {
    for (uint32_t copy = 1; copy <= copies; ++copy) {
      const ring::NodeIndex owner = base_.Owner(base_.hasher(hot_[i].key + "#" + std::to_string(copy)));
      loads[owner] += hot_[i].requests / copies;
    }
  }
  return loads;
}

double Forecast::RestDeviation(double ring_share) const {
  if (map_.empty()) return -1;
  const double rest = Sum(rest_loads_);
  // In parts of the rest, because squares of very large weights are beyond any number.
  double squares = 0;
  for (const Placed& placed : map_) squares += placed.entry.requests / rest * (placed.entry.requests / rest);
  return rest * std::sqrt(squares / kept_ * ring_share * (1 - ring_share));
}

}  // namespace ringproxy::ringskew
