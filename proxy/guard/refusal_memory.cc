#include "proxy/guard/refusal_memory.h"

#include <algorithm>

namespace ringproxy::proxy {

void RefusalMemory::Note(uint64_t bucket, uint64_t cost, net::TimePoint until, net::TimePoint now) {
  // The whole map is looked through only when it is full.
  if (refusals_.size() >= most_ && !refusals_.contains(bucket)) {
    std::erase_if(refusals_, [now](const auto& known) { return known.second.until <= now; });
    if (refusals_.size() >= most_) return;
  }
  refusals_[bucket] = {cost, until};
}

net::Duration RefusalMemory::Refused(uint64_t bucket, uint64_t cost, net::TimePoint now) const {
  const auto known = refusals_.find(bucket);
  // A cheaper request may find tokens enough.
  if (known == refusals_.end() || cost < known->second.cost) return net::Duration(0);
  return std::max(known->second.until - now, net::Duration(0));
}

}  // namespace ringproxy::proxy
