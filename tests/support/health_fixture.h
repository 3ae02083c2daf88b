// tests/support/health_fixture.h – What stands around a worker's nodes, without a process: records on which nobody
// writes a verdict unless the test does, and an observer that remembers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/health/node_guard.h"
#include "backends/health/node_record.h"

namespace ringproxy::test {

class RecordingObserver final : public backends::BreakerObserver {
 public:
  void OnBreaker(const backends::BreakerNews& told) override { news.push_back(told); }
  std::vector<backends::BreakerNews> news;
};

// Of one worker's nodes, called r0, r1 … of pool main.
struct Health {
  explicit Health(uint32_t nodes) {
    for (uint32_t i = 0; i < nodes; ++i) {
      records.push_back(std::make_shared<backends::NodeRecord>("main", "r" + std::to_string(i), 1));
    }
  }
  backends::NodeStats& stats(uint32_t node) { return records[node]->stats(0); }
  void Publish(uint32_t node, backends::Verdict verdict) { records[node]->Publish(verdict); }

  std::vector<std::shared_ptr<backends::NodeRecord>> records;
  RecordingObserver observer;
};

}  // namespace ringproxy::test
