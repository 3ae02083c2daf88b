// proxy/control/monitor_exchange.h – What the workers tell each other of clients that monitor, by way of the control
// loop.
//
// Threads: the control loop's; what For returns is called on that worker's. Lifetime: it outlives the workers, and both
// ways to post.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/local/monitors.h"

namespace ringproxy::proxy {

class MonitorExchange {
 public:
  using MonitorWord = std::function<void(Monitors&)>;
  // Has the worker hear it on its own loop.
  using PostToMonitors = std::function<void(uint32_t worker, MonitorWord word)>;
  // Back to the control loop, from any thread.
  using PostBack = std::function<void(std::function<void()>)>;

  MonitorExchange(uint32_t workers, PostToMonitors to_worker, PostBack here)
      : one_in_(workers), to_worker_(std::move(to_worker)), here_(std::move(here)) {}
  MonitorPosts For(uint32_t worker);

 private:
  void OnWatch(uint32_t by, uint32_t one_in);
  void OnLines(const std::shared_ptr<const MonitorLines>& lines);

  std::vector<uint32_t> one_in_;  // By worker; 0: it has no monitors.
  PostToMonitors to_worker_;
  PostBack here_;
};

}  // namespace ringproxy::proxy
