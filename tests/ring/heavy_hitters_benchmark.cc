// tests/ring/heavy_hitters_benchmark.cc – What the sketch of hot keys costs a request:
// build/release/bin/heavy_hitters_benchmark
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "ring/hash.h"
#include "ring/heavy_hitters.h"

namespace ringproxy::ring {
namespace {

// A million requests of as many Zipf-distributed keys, exponent 0.99.
const std::vector<std::string>& Requests() {
  static const std::vector<std::string> requests = [] {
    constexpr size_t kKeys = 1'000'000;
    std::vector<double> cumulated;
    double sum = 0;
    for (size_t i = 0; i < kKeys; ++i) cumulated.push_back(sum += std::pow(static_cast<double>(i + 1), -0.99));
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> at(0, sum);
    std::vector<std::string> made;
    for (size_t i = 0; i < kKeys; ++i) {
      made.push_back("key:" + std::to_string(std::ranges::lower_bound(cumulated, at(random)) - cumulated.begin()));
    }
    return made;
  }();
  return requests;
}

// With the hashing of the key; `range` is one in how many is taken.
void Add(benchmark::State& state) {
  const std::vector<std::string>& requests = Requests();
  const auto one_in = static_cast<uint32_t>(state.range(0));
  HeavyHitters hitters;
  uint32_t countdown = one_in;
  size_t i = 0;
  for (auto _ : state) {
    const std::string& key = requests[i++ % requests.size()];
    benchmark::DoNotOptimize(key.data());
    if (--countdown > 0) continue;
    countdown = one_in;
    hitters.Add(Hash(HashAlgorithm::kXxh3, key), key, one_in);
  }
}
BENCHMARK(Add)->Arg(1)->Arg(16);

}  // namespace
}  // namespace ringproxy::ring
