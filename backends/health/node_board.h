// backends/health/node_board.h – What the process has decided about each node, for its workers to read.
//
// Threads: the control loop writes, any thread reads, without locks: a verdict is one relaxed byte, and a worker that
// sees it a moment late is as right as one whose request left a moment earlier.
// Ownership: the process's; outlives its workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "backends/health/ejection.h"

namespace ringproxy::backends {

class NodeBoard {
 public:
  explicit NodeBoard(uint32_t nodes) : verdicts_(std::make_unique<std::atomic<Verdict>[]>(nodes)) {
    for (uint32_t i = 0; i < nodes; ++i) Publish(i, Verdict::kServe);
  }
  void Publish(uint32_t node, Verdict verdict) { verdicts_[node].store(verdict, std::memory_order_relaxed); }
  // Stays where it is, for readers that look with every request.
  const std::atomic<Verdict>& verdict(uint32_t node) const { return verdicts_[node]; }

 private:
  std::unique_ptr<std::atomic<Verdict>[]> verdicts_;
};

}  // namespace ringproxy::backends
