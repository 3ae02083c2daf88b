#include "ring/heavy_hitters.h"

#include <algorithm>
#include <cmath>

namespace ringproxy::ring {
namespace {

// The paper's base: nearly every second foreign request wears a counter of 10 down, and one in 2,000 a counter of 100.
constexpr double kDecayBase = 1.08;
// From here on a counter as good as never decays.
constexpr size_t kDecaySteps = 256;

// The probability that a counter decays, by its count, out of 2^32.
const std::array<uint32_t, kDecaySteps>& DecayOdds() {
  // The table is built at its first use, since std::pow is no constant expression.
  static const std::array<uint32_t, kDecaySteps> odds = [] {
    std::array<uint32_t, kDecaySteps> table{};
    for (size_t count = 0; count < kDecaySteps; ++count) {
      table[count] = static_cast<uint32_t>(std::pow(kDecayBase, -static_cast<double>(count)) * UINT32_MAX);
    }
    return table;
  }();
  return odds;
}

}  // namespace

HeavyHitters::Listed::Listed(uint64_t its_hash, uint32_t its_count, std::string_view its_key)
    : hash(its_hash), count(its_count), size(static_cast<uint32_t>(std::min(its_key.size(), kLongestKey))) {
  std::copy_n(its_key.begin(), size, key.begin());
}

// xorshift64 (Marsaglia 2003): a die need not be good here, but cheap.
bool HeavyHitters::Decays(uint32_t count) {
  if (count >= kDecaySteps) return false;
  dice_ ^= dice_ << 13;
  dice_ ^= dice_ >> 7;
  dice_ ^= dice_ << 17;
  return static_cast<uint32_t>(dice_ >> 32) <= DecayOdds()[count];
}

uint32_t HeavyHitters::Count(uint64_t hash, uint32_t count) {
  const auto fingerprint = static_cast<uint32_t>(hash >> 32) | 1;  // 0 is nobody's.
  uint32_t largest = 0;
  for (size_t row = 0; row < kRows; ++row) {
    // Eleven bits name one of 2,048 columns. Each row takes bits of its own and the fingerprint others, so that two
    // keys that meet in one row rarely meet in both.
    HitCounter& counter = rows_[row][(hash >> (row * 11)) % kColumns];
    if (counter.fingerprint != fingerprint) {
      // `count` requests do what so many single ones would: some wear the counter down, the rest count for their key.
      uint32_t left = count;
      while (left > 0 && counter.count > 0) {
        if (Decays(counter.count)) --counter.count;
        --left;
      }
      if (counter.count > 0) continue;
      // The request that empties a counter is the newcomer's first, as in the paper.
      counter = {fingerprint, std::max(left, 1U)};
    } else {
      // It stays at the largest number: one that wrapped around would drop the hottest key of all.
      counter.count += std::min(count, UINT32_MAX - counter.count);
    }
    largest = std::max(largest, counter.count);
  }
  return largest;
}

void HeavyHitters::Add(uint64_t hash, std::string_view key, uint32_t count) {
  total_ += count;
  const uint32_t counted = Count(hash, count);
  if (counted > least_listed_) List(hash, key, counted);
}

void HeavyHitters::List(uint64_t hash, std::string_view key, uint32_t count) {
  // A linear search is cheap enough, since only keys that are among the most frequent come here.
  const auto known = std::ranges::find(listed_, hash, &Listed::hash);
  if (known != listed_.end()) {
    // Its counters may have been worn down meanwhile, or lost to another key; a listed count does not sink by that.
    known->count = std::max(known->count, count);
  } else if (listed_.size() < kListed) {
    listed_.emplace_back(hash, count, key);
  } else {
    Listed& least = *std::ranges::min_element(listed_, {}, &Listed::count);
    if (count <= least.count) return;
    least = Listed(hash, count, key);
  }
  if (listed_.size() == kListed) least_listed_ = std::ranges::min(listed_, {}, &Listed::count).count;
}

std::vector<HeavyHitters::Hitter> HeavyHitters::Top(size_t most) const {
  std::vector<Hitter> top;
  for (const Listed& entry : listed_) top.push_back({std::string(entry.key.data(), entry.size), entry.count});
  // Keys of equal count stand in an order of their own: the sequence in which they came must not show.
  std::ranges::sort(
      top, [](const Hitter& a, const Hitter& b) { return a.count != b.count ? a.count > b.count : a.key < b.key; });
  if (top.size() > most) top.resize(most);
  return top;
}

void HeavyHitters::Halve() {
  for (auto& row : rows_) {
    for (HitCounter& counter : row) counter.count /= 2;
  }
  for (Listed& entry : listed_) entry.count /= 2;
  std::erase_if(listed_, [](const Listed& entry) { return entry.count == 0; });
  // An entry goes only when its count was 1, and then this becomes 0: a list that has room takes any key.
  least_listed_ /= 2;
  total_ /= 2;
}

void HeavyHitters::Clear() {
  *this = HeavyHitters();
}

}  // namespace ringproxy::ring
