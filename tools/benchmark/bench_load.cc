// tools/benchmark/bench_load.cc – Load generator for Redis proxies: one thread, requests prepared beforehand, JSON at
// the end.
//   bench_load --address 127.0.0.1:6380 --connections 50 --pipeline 16 --command get --value-bytes 64 --seconds 2
// Exit status: 0 measured (look at "errors", "disconnects" and "unanswered"), 2 could not run, 3 a reply was wrong.
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "tools/benchmark/fanout.h"
#include "tools/benchmark/idle_hold.h"
#include "tools/benchmark/load_options.h"
#include "tools/benchmark/load_run.h"
#include "tools/benchmark/socket.h"

namespace ringproxy::bench {
namespace {

nlohmann::json LatencyUs(const Histogram& latency_ns) {
  const auto us = [&latency_ns](double share) { return static_cast<double>(latency_ns.Quantile(share)) / 1e3; };
  return {{"p50", us(0.5)},
          {"p99", us(0.99)},
          {"p999", us(0.999)},
          {"mean", latency_ns.mean() / 1e3},
          {"max", static_cast<double>(latency_ns.max()) / 1e3}};
}

nlohmann::json ToJson(const LoadReport& report) {
  const uint64_t requests = report.latency_ns.total();
  return {{"requests", requests},
          {"seconds", report.seconds},
          {"requests_per_second", report.seconds > 0 ? static_cast<double>(requests) / report.seconds : 0},
          {"latency_us", LatencyUs(report.latency_ns)},
          {"errors", report.errors},
          {"first_error", report.first_error},
          {"disconnects", report.disconnects},
          {"unanswered", report.unanswered},
          {"crowded", report.crowded},
          {"bytes_in", report.bytes.in},
          {"bytes_out", report.bytes.out},
          {"cpu_us", report.spent.cpu_us},
          {"calls", report.spent.calls}};
}

nlohmann::json ToJson(const FanoutReport& report) {
  return {{"deliveries", report.deliveries},
          {"seconds", report.seconds},
          {"slowest_ms", report.slowest_ms},
          {"cpu_us", report.spent.cpu_us},
          {"calls", report.spent.calls}};
}

}  // namespace
}  // namespace ringproxy::bench

int main(int argc, char** argv) {
  using namespace ringproxy::bench;
  int exit_code = 0;
  const std::optional<LoadOptions> options = ParseLoadOptions(argc, argv, exit_code);
  if (!options) return exit_code;
  RaiseFileLimit();
  if (options->idle > 0) {
    HoldIdle(*options);
    return 0;
  }
  if (options->listeners > 0) {
    std::printf("%s\n", ToJson(RunFanout(*options)).dump().c_str());
    return 0;
  }
  LoadRun run(*options);
  std::printf("%s\n", ToJson(run.Run()).dump().c_str());
  // Whoever has started it reads the report while the connections stay a little longer.
  std::fflush(stdout);
  if (options->linger > 0) std::this_thread::sleep_for(std::chrono::duration<double>(options->linger));
}
