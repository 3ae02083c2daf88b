// tests/support/health_fixture.h – What stands around a worker's nodes, without a process: a board on which nobody
// writes unless the test does, and an observer that remembers.
#pragma once

#include <vector>

#include "backends/health/node_board.h"
#include "backends/health/node_guard.h"

namespace ringproxy::test {

class RecordingObserver final : public backends::BreakerObserver {
 public:
  void OnBreaker(const backends::BreakerNews& told) override { news.push_back(told); }
  std::vector<backends::BreakerNews> news;
};

struct Health {
  explicit Health(uint32_t nodes) : board(nodes) {}
  backends::NodeBoard board;
  RecordingObserver observer;
};

}  // namespace ringproxy::test
