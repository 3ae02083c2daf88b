// tools/benchmark/process_costs.cc – see process_costs.h.
#include "tools/benchmark/process_costs.h"

#include <unistd.h>

namespace ringproxy::bench {

ProcessCosts::ProcessCosts(const std::vector<std::pair<std::string, int>>& watched, int count_calls_of)
    : count_calls_of_(count_calls_of) {
  watched_.push_back({"load", CpuClock(getpid())});
  for (const auto& [name, pid] : watched) watched_.push_back({name, CpuClock(pid)});
}

void ProcessCosts::Begin() {
  // Opened only now, for a counter counts from when it is opened.
  if (count_calls_of_ != 0) calls_ = std::make_unique<CallCounter>(count_calls_of_);
  for (Watched& each : watched_) each.before_ns = each.clock.ReadNs();
}

ProcessCosts::Spent ProcessCosts::End() const {
  Spent spent;
  for (const Watched& each : watched_) {
    spent.cpu_us[each.name] = static_cast<double>(each.clock.ReadNs() - each.before_ns) / 1e3;
  }
  if (calls_) spent.calls = calls_->Read();
  return spent;
}

}  // namespace ringproxy::bench
