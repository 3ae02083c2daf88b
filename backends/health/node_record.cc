#include "backends/health/node_record.h"

#include <algorithm>

namespace ringproxy::backends {

std::string_view NameOf(NodeState state) {
  switch (state) {
    case NodeState::kUp: return "up";
    case NodeState::kTrial: return "trial";
    case NodeState::kDown: return "down";
    case NodeState::kDrained: return "drained";
    case NodeState::kDisabled: return "disabled";
  }
  return "";
}

uint64_t NodeRecord::Sum(Counter NodeStats::*counter) const {
  uint64_t total = 0;
  for (const Slot& slot : slots_) total += (slot.stats.*counter).value();
  return total;
}

bool NodeRecord::IsConnected() const {
  return std::ranges::all_of(slots_, [](const Slot& slot) { return slot.stats.ready_connections.value() > 0; });
}

}  // namespace ringproxy::backends
