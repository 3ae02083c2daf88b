// tests/ring/ring_benchmark.cc – What a lookup and a ring cost:  build/release/bin/ring_benchmark
//
// A million hashes in turn, so that neither the branch predictor nor the caches learn them by heart.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "ring/bounded_load.h"
#include "ring/hash.h"
#include "ring/ring.h"
#include "ring/slots_ring.h"

namespace ringproxy::ring {
namespace {

constexpr size_t kSamples = 1 << 20;
constexpr uint32_t kVirtualNodes = 1024;

std::vector<RingNode> MakeNodes(int64_t count) {
  std::vector<RingNode> nodes(static_cast<size_t>(count));
  for (size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].name = "node-" + std::to_string(i);
    // As even as they can be: slots asks for them, the others do not look.
    const auto first = static_cast<uint16_t>(i * kSlots / nodes.size());
    nodes[i].slots = {{first, static_cast<uint16_t>((i + 1) * kSlots / nodes.size() - 1)}};
  }
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
BENCHMARK_CAPTURE(Pick, maglev, Algorithm::kMaglev)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(Pick, jump, Algorithm::kJump)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(Pick, rendezvous, Algorithm::kRendezvous)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(Pick, modula, Algorithm::kModula)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(Pick, slots, Algorithm::kSlots)->Arg(10)->Arg(100)->Arg(1000);

// What a fallback costs: the second choice.
void PickSecond(benchmark::State& state, Algorithm algorithm) {
  const auto ring = MakeRing({algorithm, kVirtualNodes}, MakeNodes(state.range(0)));
  const std::vector<uint64_t>& hashes = RandomHashes();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring->PickNth(hashes[i++ % kSamples], 1));
}
BENCHMARK_CAPTURE(PickSecond, vnode, Algorithm::kVnode)->Arg(100);
BENCHMARK_CAPTURE(PickSecond, maglev, Algorithm::kMaglev)->Arg(100);
BENCHMARK_CAPTURE(PickSecond, jump, Algorithm::kJump)->Arg(100);
BENCHMARK_CAPTURE(PickSecond, rendezvous, Algorithm::kRendezvous)->Arg(100);
BENCHMARK_CAPTURE(PickSecond, modula, Algorithm::kModula)->Arg(100);
BENCHMARK_CAPTURE(PickSecond, slots, Algorithm::kSlots)->Arg(100);

// Bounded load with 19 requests a node under way, the oldest of which ends whenever one begins.
void PickBounded(benchmark::State& state) {
  const std::vector<RingNode> nodes = MakeNodes(state.range(0));
  const auto ring = MakeRing({Algorithm::kVnode, kVirtualNodes}, nodes);
  BoundedLoad bounded(*ring, nodes, 1.25);
  const std::vector<uint64_t>& hashes = RandomHashes();
  std::vector<NodeIndex> under_way(19 * nodes.size());
  for (size_t i = 0; i < under_way.size(); ++i) {
    under_way[i] = bounded.Pick(hashes[i]).node;
    bounded.Begin(under_way[i]);
  }
  size_t i = under_way.size();
  for (auto _ : state) {
    NodeIndex& oldest = under_way[i % under_way.size()];
    bounded.End(oldest);
    oldest = bounded.Pick(hashes[i++ % kSamples]).node;
    bounded.Begin(oldest);
  }
}
BENCHMARK(PickBounded)->Arg(10)->Arg(100)->Arg(1000);

// Each lookup waits for the one before: the latency, where Pick measures the throughput.
void PickInAChain(benchmark::State& state) {
  const auto ring = MakeRing({Algorithm::kVnode, kVirtualNodes}, MakeNodes(state.range(0)));
  uint64_t hash = 1;
  for (auto _ : state) hash = (hash + ring->Pick(hash) + 1) * 0x9e3779b97f4a7c15;
  benchmark::DoNotOptimize(hash);
}
BENCHMARK(PickInAChain)->Arg(10)->Arg(100)->Arg(1000);

// What a request pays: the tag is looked for, 20 bytes are hashed, the node is picked.
void HashAndPick(benchmark::State& state) {
  const auto ring = MakeRing({Algorithm::kVnode, kVirtualNodes}, MakeNodes(state.range(0)));
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

void Build(benchmark::State& state, Algorithm algorithm) {
  const std::vector<RingNode> nodes = MakeNodes(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(MakeRing({algorithm, kVirtualNodes}, nodes));
}
BENCHMARK_CAPTURE(Build, vnode, Algorithm::kVnode)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Build, maglev, Algorithm::kMaglev)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Build, jump, Algorithm::kJump)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Build, rendezvous, Algorithm::kRendezvous)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Build, modula, Algorithm::kModula)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Build, slots, Algorithm::kSlots)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ringproxy::ring
