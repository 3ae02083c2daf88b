#include "proxy/route/fanout_plan.h"

#include <utility>

namespace ringproxy::proxy {

void FanoutPlan::Clear() {
  constexpr size_t kKeptBytes = 64 << 10;
  constexpr size_t kKeptKeys = 4096;
  if (child_of_key.capacity() > kKeptKeys || request.capacity() > kKeptBytes) {
    // Moved out before: a string that is assigned an empty one keeps its memory.
    const FanoutPlan huge = std::exchange(*this, {});
  }
  merge = wire::Merge::kNone;
  protocol = 2;
  children = 0;
  child_of_key.clear();
  request.clear();
  instead = {};
  keys.clear();
  cas_tags.clear();
  node_names.clear();
  failures_are_misses = counts_nodes = false;
  scan = {};
}

}  // namespace ringproxy::proxy
