#include "tests/sim/scenario.h"

#include "tests/sim/counter_scenario.h"
#include "tests/sim/listen_scenario.h"
#include "tests/sim/scan_scenario.h"
#include "tests/sim/wait_scenario.h"

namespace ringproxy::sim {

ScenarioEvents& ScenarioEvents::operator+=(const ScenarioEvents& other) {
  counted += other.counted;
  nils += other.nils;
  unknown_executions += other.unknown_executions;
  received += other.received;
  empty_waits += other.empty_waits;
  lost_elements += other.lost_elements;
  messages += other.messages;
  ended_scans += other.ended_scans;
  failed_pages += other.failed_pages;
  return *this;
}

std::vector<SimRedisNode*> Scenario::RedisNodes(const ScenarioParts& parts) {
  std::vector<SimRedisNode*> found;
  for (const auto& node : parts.nodes.first(parts.pool.nodes.size()))
    found.push_back(static_cast<SimRedisNode*>(node.get()));
  found.push_back(static_cast<SimRedisNode*>(&parts.spare));
  return found;
}

std::unique_ptr<Scenario> NewScenario(uint64_t seed, ScenarioParts parts) {
  switch (seed % 5) {
    case 0: return std::make_unique<CounterScenario>(std::move(parts));
    case 1: return std::make_unique<WaitScenario>(std::move(parts));
    case 2: return std::make_unique<ListenScenario>(std::move(parts));
    case 3: return std::make_unique<ScanScenario>(std::move(parts));
    default: return nullptr;
  }
}

}  // namespace ringproxy::sim
