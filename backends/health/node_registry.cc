#include "backends/health/node_registry.h"

#include <algorithm>
#include <vector>

namespace ringproxy::backends {

std::shared_ptr<NodeRecord> NodeRegistry::Get(const std::string& pool, const std::string& name) {
  KnownNode& entry = entries_[{pool, name}];
  if (!entry.record) entry.record = std::make_shared<NodeRecord>(pool, name, workers_);
  entry.departed.reset();
  return entry.record;
}

void NodeRegistry::Tick(net::TimePoint now) {
  size_t departed = 0;
  for (auto at = entries_.begin(); at != entries_.end();) {
    KnownNode& entry = at->second;
    NodeRecord& record = *entry.record;
    record.loads.Sample(now, {.requests = record.Sum(&NodeStats::requests),
                              .bytes = record.Sum(&NodeStats::bytes_sent) + record.Sum(&NodeStats::bytes_received)});
    // Nobody else can come by it but here, so one that is alone stays alone.
    if (entry.record.use_count() > 1) {
      entry.departed.reset();
    } else if (!entry.departed) {
      entry.departed = now;
    }
    if (entry.departed && now - *entry.departed >= kKept) {
      at = entries_.erase(at);
      continue;
    }
    departed += entry.departed ? 1 : 0;
    ++at;
  }
  // Nodes of an orchestrator may have other names each time: five minutes of them must not fill the memory.
  if (departed > kMostDeparted) ForgetOldest(departed - kMostDeparted);
}

void NodeRegistry::ForgetOldest(size_t count) {
  std::vector<Entries::iterator> departed;
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.departed) departed.push_back(at);
  }
  std::ranges::stable_sort(departed, {}, [](const auto& at) { return *at->second.departed; });
  for (size_t i = 0; i < count; ++i) entries_.erase(departed[i]);
}

}  // namespace ringproxy::backends
