// tests/proxy/route/merge_benchmark.cc – What merging the replies of a split MGET costs beside sending them.
#include <benchmark/benchmark.h>

#include "backends/wire/resp_encode.h"
#include "proxy/route/merge.h"

namespace ringproxy::proxy {
namespace {

void MergeSixteenValuesOfFourNodes(benchmark::State& state) {
  constexpr size_t kKeys = 16;
  constexpr size_t kNodes = 4;
  std::string child;
  wire::AppendArrayHeader(kKeys / kNodes, &child);
  for (size_t i = 0; i < kKeys / kNodes; ++i) {
    wire::AppendBulk(std::string(static_cast<size_t>(state.range(0)), 'x'), &child);
  }
  const std::vector<std::string_view> children(kNodes, child);
  std::vector<uint32_t> child_of_key;
  for (size_t i = 0; i < kKeys; ++i) child_of_key.push_back(static_cast<uint32_t>(i % kNodes));
  ReplyMerger merger;
  std::string out;
  for (auto _ : state) {
    out.clear();
    for (const std::string_view piece : merger.Merge(wire::Merge::kInKeyOrder, children, child_of_key)) out += piece;
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(MergeSixteenValuesOfFourNodes)->ArgName("bytes")->Arg(64)->Arg(4096);

}  // namespace
}  // namespace ringproxy::proxy
