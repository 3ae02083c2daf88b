#include "ring/distinct_counter.h"

#include <cmath>
#include <limits>

namespace ringproxy::ring {
namespace {

// Both sums are the paper's, taken until they change no more.

// x + sum over k of x^(2^k) * 2^(k-1): what the registers without a key add.
double Sigma(double x) {
  // No register has a key: the infinite sum makes the estimate 0.
  if (x == 1) return std::numeric_limits<double>::infinity();
  double factor = 1;
  double sum = x;
  double last = 0;
  do {
    x *= x;
    last = sum;
    sum += x * factor;
    factor += factor;
  } while (sum != last);
  return sum;
}

// (1 - x - sum over k of (1 - x^(2^-k))^2 * 2^-k) / 3: what the registers that are full add.
double Tau(double x) {
  if (x == 0 || x == 1) return 0;
  double factor = 1;
  double sum = 1 - x;
  double last = 0;
  do {
    x = std::sqrt(x);
    last = sum;
    factor /= 2;
    sum -= (1 - x) * (1 - x) * factor;
  } while (sum != last);
  return sum / 3;
}

}  // namespace

double DistinctCounter::Estimate() const {
  constexpr auto kCount = static_cast<double>(1 << kIndexBits);
  std::array<double, kTailBits + 2> ranks{};
  for (const uint8_t rank : registers_) ++ranks[rank];
  // Horner's scheme, from the highest rank down: rank k is halved k times and so weighs 2^-k, as in the paper's sum.
  double sum = kCount * Tau(1 - ranks[kTailBits + 1] / kCount);
  for (size_t rank = kTailBits; rank > 0; --rank) sum = (sum + ranks[rank]) / 2;
  sum += kCount * Sigma(ranks[0] / kCount);
  return kCount * kCount / (2 * std::log(2) * sum);
}

}  // namespace ringproxy::ring
