#include "proxy/admin/load_history.h"

#include <algorithm>

namespace ringproxy::proxy {

void LoadHistory::Sample(net::TimePoint now, std::vector<NodeLoad> totals) {
  if (coarse_.empty() || now - coarse_.back().time >= kMinute) {
    coarse_.push_back({now, totals});
    while (now - coarse_.front().time > kHour) coarse_.pop_front();
  }
  fine_.push_back({now, std::move(totals)});
  while (now - fine_.front().time > kMinute) fine_.pop_front();
}

LoadHistory::Window LoadHistory::Last(net::Duration window) const {
  if (fine_.empty()) return {};
  const Entry& last = fine_.back();
  const std::deque<Entry>& entries = window <= kMinute ? fine_ : coarse_;
  const auto first =
      std::ranges::find_if(entries, [&](const Entry& entry) { return last.time - entry.time <= window; });
  Window result{last.time - first->time, last.totals};
  for (size_t i = 0; i < result.loads.size(); ++i) {
    result.loads[i].requests -= first->totals[i].requests;
    result.loads[i].bytes -= first->totals[i].bytes;
  }
  return result;
}

}  // namespace ringproxy::proxy
