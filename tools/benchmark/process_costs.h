// tools/benchmark/process_costs.h – What the watched processes spend between the two ends of the measured window.
//
// Purpose: the load generator reads their CPU clocks and call counters itself, in the same instant as it begins and
// ends to count replies. It watches itself too, so that a report shows when the load was the limit. Threads: one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/benchmark/watch.h"

namespace ringproxy::bench {

class ProcessCosts {
 public:
  struct Spent {
    std::map<std::string, double> cpu_us;  // By name; of this process as "load".
    std::map<std::string, uint64_t> calls;
  };

  // `watched`: names and process ids. `count_calls_of`: a process id, or 0.
  ProcessCosts(const std::vector<std::pair<std::string, int>>& watched, int count_calls_of);

  void Begin();
  // Since Begin, which was called once.
  Spent End() const;

 private:
  struct Watched {
    std::string name;
    CpuClock clock;
    uint64_t before_ns = 0;
  };

  std::vector<Watched> watched_;
  int count_calls_of_;
  std::unique_ptr<CallCounter> calls_;
};

}  // namespace ringproxy::bench
