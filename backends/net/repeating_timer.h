// backends/net/repeating_timer.h – Work that is done at once and then again and again, an interval after it has ended.
//
// Threads: as loop.h.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "backends/net/loop.h"

namespace ringproxy::net {

class RepeatingTimer {
 public:
  RepeatingTimer(Loop& loop, Duration interval, std::function<void()> work)
      : interval_(interval), work_(std::move(work)), timer_(loop.NewTimer([this] { Run(); })) {}
  RepeatingTimer(const RepeatingTimer&) = delete;
  RepeatingTimer& operator=(const RepeatingTimer&) = delete;

  void Start() { Run(); }

 private:
  void Run() {
    work_();
    timer_->Arm(interval_);
  }

  Duration interval_;
  std::function<void()> work_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace ringproxy::net
