// tests/ring/ring_benchmark.cc – What one lookup costs:  build/release/bin/ring_benchmark
//
// A million hashes in turn, so that neither the branch predictor nor the caches learn them by heart.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "ring/hash.h"
#include "ring/ring.h"

namespace ringproxy::ring {
namespace {

constexpr size_t kSamples = 1 << 20;
constexpr uint32_t kVirtualNodes = 1024;

std::vector<RingNode> MakeNodes(int64_t count) {
  std::vector<RingNode> nodes;
  for (int64_t i = 0; i < count; ++i) nodes.push_back({"node-" + std::to_string(i), 1});
  return nodes;
}

const std::vector<uint64_t>& RandomHashes() {
  static const std::vector<uint64_t> kHashes = [] {
    std::mt19937_64 random(1);
    std::vector<uint64_t> hashes(kSamples);
    for (uint64_t& hash : hashes) hash = random();
    return hashes;
  }();
  return kHashes;
}

void Pick(benchmark::State& state, Algorithm algorithm) {
  const auto ring = MakeRing({algorithm, kVirtualNodes}, MakeNodes(state.range(0)));
  const std::vector<uint64_t>& hashes = RandomHashes();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring->Pick(hashes[i++ % kSamples]));
}
BENCHMARK_CAPTURE(Pick, vnode, Algorithm::kVnode)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(Pick, modula, Algorithm::kModula)->Arg(100);

// Each lookup waits for the one before: the latency, where Pick measures the throughput.
void PickInAChain(benchmark::State& state) {
  const auto ring = MakeRing({.virtual_nodes = kVirtualNodes}, MakeNodes(state.range(0)));
  uint64_t hash = 1;
  for (auto _ : state) hash = (hash + ring->Pick(hash) + 1) * 0x9e3779b97f4a7c15;
  benchmark::DoNotOptimize(hash);
}
BENCHMARK(PickInAChain)->Arg(10)->Arg(100)->Arg(1000);

// What a request pays: the tag is looked for, 20 bytes are hashed, the node is picked.
void HashAndPick(benchmark::State& state) {
  const auto ring = MakeRing({.virtual_nodes = kVirtualNodes}, MakeNodes(state.range(0)));
  std::vector<std::string> keys;
  for (size_t i = 0; i < kSamples / 16; ++i) keys.push_back(std::to_string(10'000'000'000'000'000'000U - i * i * 7919));
  size_t i = 0;
  for (auto _ : state) {
    const std::string& key = keys[i++ % keys.size()];
    benchmark::DoNotOptimize(ring->Pick(Hash(HashAlgorithm::kXxh3, HashTag(key, "{}"))));
  }
}
BENCHMARK(HashAndPick)->Arg(10)->Arg(100)->Arg(1000);

void HashKey(benchmark::State& state, HashAlgorithm algorithm) {
  std::string key(20, 'k');
  for (auto _ : state) {
    ++key[0];
    benchmark::DoNotOptimize(Hash(algorithm, key));
  }
}
BENCHMARK_CAPTURE(HashKey, xxh3, HashAlgorithm::kXxh3);
BENCHMARK_CAPTURE(HashKey, fnv1a_64, HashAlgorithm::kFnv1a64);

void Build(benchmark::State& state) {
  const std::vector<RingNode> nodes = MakeNodes(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(MakeRing({.virtual_nodes = kVirtualNodes}, nodes));
}
BENCHMARK(Build)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ringproxy::ring
