#include "proxy/control/monitor_exchange.h"

#include <algorithm>
#include <utility>

namespace ringproxy::proxy {

MonitorPosts MonitorExchange::For(uint32_t worker) {
  return {.watch = [this, worker](uint32_t one_in) { here_([this, worker, one_in] { OnWatch(worker, one_in); }); },
          .lines =
              [this](std::shared_ptr<const MonitorLines> lines) {
                here_([this, lines = std::move(lines)] { OnLines(lines); });
              }};
}

void MonitorExchange::OnWatch(uint32_t by, uint32_t one_in) {
  one_in_[by] = one_in;
  uint32_t least = 0;
  for (const uint32_t each : one_in_) {
    if (each > 0) least = least == 0 ? each : std::min(least, each);
  }
  const auto left = std::make_shared<size_t>(one_in_.size());  // Counted on the control loop.
  for (uint32_t worker = 0; worker < one_in_.size(); ++worker) {
    to_worker_(worker, [this, least, left, by](Monitors& monitors) {
      monitors.OnWatched(least);
      here_([this, left, by] {
        if (--*left == 0) to_worker_(by, [](Monitors& asker) { asker.OnConfirmed(); });
      });
    });
  }
}

void MonitorExchange::OnLines(const std::shared_ptr<const MonitorLines>& lines) {
  for (uint32_t worker = 0; worker < one_in_.size(); ++worker) {
    if (one_in_[worker] > 0) to_worker_(worker, [lines](Monitors& monitors) { monitors.OnLines(*lines); });
  }
}

}  // namespace ringproxy::proxy
