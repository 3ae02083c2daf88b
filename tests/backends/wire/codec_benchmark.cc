// tests/backends/wire/codec_benchmark.cc – What framing costs, a request or reply. The request path's budget: 25 ns for
// a request of three arguments, 10 ns for a small bulk reply.
#include <benchmark/benchmark.h>

#include <string>

#include "backends/wire/resp_encode.h"
#include "backends/wire/resp_reply.h"
#include "backends/wire/resp_request.h"

namespace ringproxy::wire {
namespace {

std::string Encoded(size_t arguments, size_t bytes) {
  std::string request;
  AppendArrayHeader(arguments, &request);
  for (size_t i = 0; i < arguments; ++i) AppendBulk(std::string(i == 0 ? 3 : bytes, 'x'), &request);
  return request;
}

std::string Repeated(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

constexpr size_t kPipelined = 64;

void FrameRequests(benchmark::State& state) {
  const std::string one = Encoded(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)));
  const std::string all = Repeated(one, kPipelined);
  RequestParser parser{Limits{}};
  for (auto _ : state) {
    std::string_view rest = all;
    while (!rest.empty()) {
      benchmark::DoNotOptimize(parser.Parse(rest));
      const Request request = parser.request();
      benchmark::DoNotOptimize(request);
      rest.remove_prefix(parser.size());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPipelined));
}
BENCHMARK(FrameRequests)->ArgNames({"arguments", "bytes"})->Args({2, 16})->Args({3, 64})->Args({17, 16});

void FrameReplies(benchmark::State& state, std::string_view reply) {
  const std::string all = Repeated(reply, kPipelined);
  RespReplyFramer framer;
  for (auto _ : state) {
    std::string_view rest = all;
    while (!rest.empty()) {
      benchmark::DoNotOptimize(framer.Frame(rest));
      rest.remove_prefix(framer.size());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kPipelined));
}
BENCHMARK_CAPTURE(FrameReplies, bulk, "$64\r\n0123456789012345678901234567890123456789012345678901234567890123\r\n");
BENCHMARK_CAPTURE(FrameReplies, nil, "$-1\r\n");
BENCHMARK_CAPTURE(FrameReplies, ok, "+OK\r\n");
BENCHMARK_CAPTURE(FrameReplies, integer, ":1\r\n");
BENCHMARK_CAPTURE(FrameReplies, array_of_four, "*4\r\n$1\r\na\r\n$-1\r\n$1\r\nc\r\n$1\r\nd\r\n");

}  // namespace
}  // namespace ringproxy::wire
