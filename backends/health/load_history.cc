#include "backends/health/load_history.h"

#include <algorithm>

namespace ringproxy::backends {

void LoadHistory::Sample(net::TimePoint now, NodeLoad total) {
  if (coarse_.empty() || now - coarse_.back().time >= kMinute) {
    coarse_.push_back({now, total});
    while (now - coarse_.front().time > kHour) coarse_.pop_front();
  }
  fine_.push_back({now, total});
  while (now - fine_.front().time > kMinute) fine_.pop_front();
}

LoadHistory::Window LoadHistory::Last(net::Duration window) const {
  if (fine_.empty()) return {};
  const LoadSample& last = fine_.back();
  const std::deque<LoadSample>& entries = window <= kMinute ? fine_ : coarse_;
  const auto first =
      std::ranges::find_if(entries, [&](const LoadSample& entry) { return last.time - entry.time <= window; });
  // Nobody sampled for so long.
  if (first == entries.end()) return {{}, {}};
  return {last.time - first->time,
          {last.total.requests - first->total.requests, last.total.bytes - first->total.bytes}};
}

}  // namespace ringproxy::backends
