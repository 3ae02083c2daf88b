// tests/ring/ring_benchmark.cc – What a lookup, a ring and the hash of a key cost:  build/release/bin/ring_benchmark
// (with --benchmark_repetitions=5 --benchmark_report_aggregates_only=true for the medians of ring/README.md)
//
// A million hashes in turn, so that neither the branch predictor nor the caches learn them by heart.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "ring/bounded_load.h"
#include "ring/hash.h"
#include "ring/ring.h"
#include "ring/slots_ring.h"

namespace ringproxy::ring {
namespace {

constexpr size_t kSamples = 1 << 20;
constexpr uint32_t kVirtualNodes = 1024;
constexpr uint32_t kKetamaPoints = 160;  // For each node on average: the programs have no other.

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

struct RingRow {
  const char* name;
  Algorithm algorithm;
  uint32_t virtual_nodes = kVirtualNodes;
};

constexpr RingRow kRings[] = {
    {"vnode", Algorithm::kVnode},
    {"ketama", Algorithm::kKetama, kKetamaPoints},
    {"twemproxy", Algorithm::kTwemproxy, kKetamaPoints},
    {"maglev", Algorithm::kMaglev},
    {"jump", Algorithm::kJump},
    {"rendezvous", Algorithm::kRendezvous},
    {"modula", Algorithm::kModula},
    {"slots", Algorithm::kSlots},
};

struct HashRow {
  const char* name;
  HashAlgorithm algorithm;
};

constexpr HashRow kHashes[] = {
    {"xxh3", HashAlgorithm::kXxh3},        {"xxh64", HashAlgorithm::kXxh64},
    {"md5", HashAlgorithm::kMd5},          {"fnv1a_64", HashAlgorithm::kFnv1a64},
    {"fnv1a_32", HashAlgorithm::kFnv1a32}, {"fnv1_64", HashAlgorithm::kFnv164},
    {"fnv1_32", HashAlgorithm::kFnv132},   {"crc16", HashAlgorithm::kCrc16},
    {"crc32", HashAlgorithm::kCrc32},      {"crc32a", HashAlgorithm::kCrc32a},
    {"murmur", HashAlgorithm::kMurmur},    {"hsieh", HashAlgorithm::kHsieh},
    {"jenkins", HashAlgorithm::kJenkins},  {"one_at_a_time", HashAlgorithm::kOneAtATime},
};

std::unique_ptr<const Ring> Make(const RingRow& row, int64_t nodes) {
  return MakeRing({row.algorithm, row.virtual_nodes}, MakeNodes(nodes));
}

void Pick(benchmark::State& state, const RingRow& row) {
  const auto ring = Make(row, state.range(0));
  const std::vector<uint64_t>& hashes = RandomHashes();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring->Pick(hashes[i++ % kSamples]));
}

// What a fallback costs: the second choice.
void PickSecond(benchmark::State& state, const RingRow& row) {
  const auto ring = Make(row, state.range(0));
  const std::vector<uint64_t>& hashes = RandomHashes();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(ring->PickNth(hashes[i++ % kSamples], 1));
}

void Build(benchmark::State& state, const RingRow& row) {
  const std::vector<RingNode> nodes = MakeNodes(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(MakeRing({row.algorithm, row.virtual_nodes}, nodes));
}

// The keys lie side by side and are only read: one that had just been written would stall the hash that reads it.
void HashKey(benchmark::State& state, HashAlgorithm algorithm) {
  const auto length = static_cast<size_t>(state.range(0));
  constexpr size_t kFew = 256;
  std::mt19937_64 random(1);
  std::string keys;
  while (keys.size() < kFew * length) keys += static_cast<char>('a' + random() % 26);
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Hash(algorithm, std::string_view(keys).substr(i++ % kFew * length, length)));
  }
}

[[maybe_unused]] const bool kRegistered = [] {
  const auto named = [](const char* what, const char* name) { return std::string(what) + "/" + name; };
  for (const RingRow& row : kRings) {
    benchmark::RegisterBenchmark(named("Pick", row.name).c_str(), Pick, row)->Arg(10)->Arg(100)->Arg(1000);
    benchmark::RegisterBenchmark(named("PickSecond", row.name).c_str(), PickSecond, row)->Arg(100);
    benchmark::RegisterBenchmark(named("Build", row.name).c_str(), Build, row)
        ->Arg(10)
        ->Arg(100)
        ->Arg(1000)
        ->Unit(benchmark::kMillisecond);
  }
  for (const HashRow& row : kHashes) {
    benchmark::RegisterBenchmark(named("HashKey", row.name).c_str(), HashKey, row.algorithm)->Arg(16)->Arg(64);
  }
  return true;
}();

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

}  // namespace
}  // namespace ringproxy::ring
