// ring/skew.h – How uneven a load is, how uneven chance alone would make it, and how to tell the two apart.
//
// Words: a node's *fair share* is its weight's part of the whole; its *ratio* is its share of the load divided by that.
// All figures are taken over ratios, so that weights change nothing. Threads: pure functions.
// Source of the expected spread: N nodes with V points each cut the ring into exponential arcs; a node's share is then
// Beta(V, (N-1)V) distributed, with a coefficient of variation of sqrt((N-1)/(NV+1)).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ring/ring.h"

namespace ringproxy::ring {

struct Spread {
  double peak_to_mean = 0;  // The largest ratio.
  double cv = 0;            // Coefficient of variation of the ratios: standard deviation by mean, over the nodes.
  double gini = 0;          // 0: even; towards 1: one node has all.
};

// `loads` and `weights` of the same nodes; both not empty, weights positive. A load of nothing is even.
Spread MeasureSpread(std::span<const double> loads, std::span<const double> weights);

// Each weight's part of their sum.
std::vector<double> FairShares(std::span<const double> weights);

// The part of all hashes that each node owns, measured with 2^20 evenly spread hashes, so that it holds for every ring.
std::vector<double> RingShares(const Ring& ring);

// What an ideal hash gives N nodes of equal weight with V virtual nodes each.
double ExpectedCv(uint32_t nodes, uint32_t virtual_nodes);
// The expected largest ratio: 1 + CV * sqrt(2 ln N), the leading term of the maximum of N nearly normal shares. Within
// a few percent from 100 points a node on; for few points it is too small.
double ExpectedPeak(uint32_t nodes, uint32_t virtual_nodes);

// Chance in the keys themselves: `keys` distinct keys thrown at nodes with these shares, as standard deviation of a
// node's ratio, averaged. It is what would be left with a perfect ring.
double SamplingCv(uint64_t keys, uint32_t nodes);

}  // namespace ringproxy::ring
