// tools/benchmark/watch.h – What other processes cost while the load runs: CPU time, and system calls by name.
// Purpose: the load generator itself reads these at the two ends of the measured window, so they fit the requests
// exactly. Threads: one. Promises: CPU time comes from the kernel's CPU clock of the process (nanoseconds, all its
// threads). Counting calls needs
//   the kernel's tracepoints, which usually means root; without them `available()` is false and nothing is counted.
#pragma once

#include <ctime>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/benchmark/socket.h"

namespace ringproxy::bench {

// The CPU nanoseconds that a process has used so far.
class CpuClock {
 public:
  explicit CpuClock(int pid);
  uint64_t ReadNs() const;

 private:
  clockid_t clock_ = CLOCK_PROCESS_CPUTIME_ID;
};

// Counts the system calls of every thread of a process from Start on.
class CallCounter {
 public:
  explicit CallCounter(int pid);
  bool available() const { return !counters_.empty(); }
  // "total" and each call of the table in watch.cc that occurred.
  std::map<std::string, uint64_t> Read() const;

 private:
  std::vector<std::pair<std::string, Fd>> counters_;
};

}  // namespace ringproxy::bench
