#include "ring/skew.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace ringproxy::ring {
namespace {

double Sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::vector<double> FairShares(std::span<const double> weights) {
  const double total = Sum(weights);
  std::vector<double> shares;
  for (const double weight : weights) shares.push_back(weight / total);
  return shares;
}

Spread MeasureSpread(std::span<const double> loads, std::span<const double> weights) {
  assert(!loads.empty() && loads.size() == weights.size());
  const double total = Sum(loads);
  if (total <= 0) return {1, 0, 0};
  std::vector<double> ratios = FairShares(weights);
  for (size_t i = 0; i < ratios.size(); ++i) ratios[i] = loads[i] / total / ratios[i];
  std::ranges::sort(ratios);
  const auto count = static_cast<double>(ratios.size());
  const double mean = Sum(ratios) / count;
  double squares = 0;
  double ranked = 0;
  for (size_t i = 0; i < ratios.size(); ++i) {
    squares += (ratios[i] - mean) * (ratios[i] - mean);
    ranked += static_cast<double>(i + 1) * ratios[i];
  }
  // This formula goes by ranks and needs the ratios in order. Rounding may leave an even load a little below zero.
  const double gini = 2 * ranked / (count * count * mean) - (count + 1) / count;
  return {ratios.back(), std::sqrt(squares / count) / mean, std::max(gini, 0.0)};
}

std::vector<double> RingShares(const Ring& ring) {
  constexpr uint64_t kSamples = 1 << 20;
  constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // Its multiples are evenly spread (Knuth, TAOCP 6.4).
  std::vector<double> shares(ring.node_count());
  for (uint64_t i = 0; i < kSamples; ++i) shares[ring.Pick(i * kGoldenRatio)] += 1.0 / kSamples;
  return shares;
}

double ExpectedCv(uint32_t nodes, uint32_t virtual_nodes) {
  const double n = nodes;
  return std::sqrt((n - 1) / (n * virtual_nodes + 1));
}

double ExpectedPeak(uint32_t nodes, uint32_t virtual_nodes) {
  if (nodes < 2) return 1;
  return 1 + ExpectedCv(nodes, virtual_nodes) * std::sqrt(2 * std::log(nodes));
}

double SamplingCv(uint64_t keys, uint32_t nodes) {
  // A node's count is binomial: its variance is keys * (1/N) * (1 - 1/N), and its mean keys / N.
  return keys == 0 ? 0 : std::sqrt((nodes - 1.0) / static_cast<double>(keys));
}

}  // namespace ringproxy::ring
