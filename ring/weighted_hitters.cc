#include "ring/weighted_hitters.h"

#include <algorithm>
#include <utility>

namespace ringproxy::ring {

WeightedHitters::WeightedHitters() : counters_(kSlots), names_(kSlots) {}

size_t WeightedHitters::SlotOf(uint64_t hash) const {
  size_t slot = hash % kSlots;
  while (counters_[slot].hash != 0 && counters_[slot].hash != hash) slot = (slot + 1) % kSlots;
  return slot;
}

void WeightedHitters::Add(uint64_t hash, std::string_view key, double weight) {
  if (weight <= 0) return;
  hash = std::max<uint64_t>(hash, 1);  // 0 is nobody's.
  total_ += weight;
  size_t slot = SlotOf(hash);
  if (counters_[slot].hash == 0) {
    if (used_ == kCounters) {
      Purge();
      slot = SlotOf(hash);
    }
    ++used_;
    counters_[slot].hash = hash;
  }
  WeightCounter& counter = counters_[slot];
  counter.credit += weight;
  counter.weight += weight;
  // Most keys never weigh so much, and their bytes are not copied. One that does comes again, or has just come.
  if (names_[slot].empty() && counter.weight * kCounters >= total_) names_[slot] = key.substr(0, kLongestName);
}

void WeightedHitters::Purge() {
  std::vector<double> credits;
  credits.reserve(used_);
  for (const WeightCounter& counter : counters_) {
    if (counter.hash != 0) credits.push_back(counter.credit);
  }
  const auto least = credits.begin() + static_cast<ptrdiff_t>(credits.size() / 4 * 3);
  std::ranges::nth_element(credits, least);
  std::vector<std::pair<WeightCounter, std::string>> stay;
  for (size_t i = 0; i < kSlots; ++i) {
    WeightCounter& counter = counters_[i];
    counter.credit -= *least;
    if (counter.hash != 0 && counter.credit > 0) stay.emplace_back(counter, std::move(names_[i]));
    if (!names_[i].empty()) names_[i].clear();
    counter = {};
  }
  for (auto& [counter, name] : stay) {
    const size_t slot = SlotOf(counter.hash);
    counters_[slot] = counter;
    names_[slot] = std::move(name);
  }
  used_ = stay.size();
}

std::vector<WeightedHitters::Weighed> WeightedHitters::Top(size_t most) const {
  std::vector<Weighed> top;
  for (size_t i = 0; i < kSlots; ++i) {
    const WeightCounter& counter = counters_[i];
    if (counter.hash != 0 && counter.weight * kCounters >= total_) top.push_back({names_[i], counter.weight});
  }
  // Keys of equal weight stand in an order of their own: the sequence in which they came must not show.
  std::ranges::sort(top, [](const Weighed& a, const Weighed& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.key < b.key;
  });
  if (top.size() > most) top.resize(most);
  return top;
}

}  // namespace ringproxy::ring
