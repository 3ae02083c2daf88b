// tests/proxy/guard/bucket_table_benchmark.cc – What one local limit costs a request:
// build/release/bin/bucket_table_benchmark
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/guard/bucket_table.h"

namespace ringproxy::proxy {
namespace {

constexpr int64_t kStartNs = 1'000'000'000'000;

// A request every 100 ns of bucket time, just what the rate admits. The burst lets a thread be far behind another.
BucketLimit TenMillionPerSecond(conf::LimitAlgorithm algorithm = conf::LimitAlgorithm::kTokenBucket) {
  return MakeBucketLimit(algorithm, {.amount = 10'000'000}, 100'000'000'000, UINT32_MAX);
}

uint64_t Mixed(uint64_t i) {
  return (i + 1) * 0xD6E8FEB86659FD93;
}

// Workers that share one bucket.
void OneBucket(benchmark::State& state) {
  static BucketTable* table = nullptr;
  if (state.thread_index() == 0) table = new BucketTable(1);
  const BucketLimit limit = TenMillionPerSecond(static_cast<conf::LimitAlgorithm>(state.range(0)));
  int64_t now = kStartNs;
  uint64_t admitted = 0;
  for (auto _ : state) admitted += table->Take(1, limit, now += 200, 1).admitted ? 1 : 0;
  state.counters["admitted"] = benchmark::Counter(
      static_cast<double>(admitted) / static_cast<double>(state.iterations()), benchmark::Counter::kAvgThreads);
  if (state.thread_index() == 0) delete table;
}
BENCHMARK(OneBucket)->DenseRange(0, 3)->Threads(1)->UseRealTime();
BENCHMARK(OneBucket)->Arg(0)->Threads(2)->UseRealTime();

// What it would be without sharing.
void OneBucketOfEachThread(benchmark::State& state) {
  BucketTable table(1);
  const BucketLimit limit = TenMillionPerSecond();
  int64_t now = kStartNs;
  for (auto _ : state) benchmark::DoNotOptimize(table.Take(1, limit, now += 100, 1));
}
BENCHMARK(OneBucketOfEachThread)->Threads(2)->UseRealTime();

// Hits in a table of 65,536 buckets, of which `range` are in use.
void KeyedHit(benchmark::State& state) {
  static BucketTable* table = nullptr;
  const BucketLimit limit = TenMillionPerSecond();
  const auto keys = static_cast<uint64_t>(state.range(0));
  if (state.thread_index() == 0) {
    table = new BucketTable(65'536);
    for (uint64_t i = 0; i < keys; ++i) table->Take(Mixed(i), limit, kStartNs, 1);
  }
  int64_t now = kStartNs;
  uint64_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table->Take(Mixed(i++ * 7919 % keys), limit, now += 100, 1));
  if (state.thread_index() == 0) delete table;
}
BENCHMARK(KeyedHit)->Arg(1)->Arg(1'000)->Arg(50'000)->Threads(1)->Threads(2)->UseRealTime();

// As before, but the bucket is only looked at.
void KeyedPeek(benchmark::State& state) {
  BucketTable table(65'536);
  const BucketLimit limit = TenMillionPerSecond();
  for (uint64_t i = 0; i < 1'000; ++i) table.Take(Mixed(i), limit, kStartNs, 1);
  uint64_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.Peek(Mixed(i++ * 7919 % 1'000), limit, kStartNs, 1));
}
BENCHMARK(KeyedPeek);

// Each key is new, and a bucket that is full again gives way.
void MissThatForgets(benchmark::State& state) {
  BucketTable table(static_cast<size_t>(state.range(0)));
  const BucketLimit limit = TenMillionPerSecond();
  int64_t now = kStartNs;
  uint64_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.Take(Mixed(i++), limit, now += 100'000, 1));
  state.counters["overflows"] = static_cast<double>(table.overflows());
}
BENCHMARK(MissThatForgets)->Arg(1'000)->Arg(65'536);

// Each key is new, and no bucket is full again: what an attack costs.
void MissThatOverflows(benchmark::State& state) {
  BucketTable table(65'536);
  const BucketLimit limit = TenMillionPerSecond();
  for (uint64_t i = 0; i < 1'000'000; ++i) table.Charge(Mixed(i), limit, kStartNs, 1'000'000);
  uint64_t i = 1'000'000;
  for (auto _ : state) benchmark::DoNotOptimize(table.Take(Mixed(i++), limit, kStartNs, 1));
}
BENCHMARK(MissThatOverflows);

}  // namespace
}  // namespace ringproxy::proxy
