// backends/net/earliest_timer.h – One timer for many deadlines: it fires by the earliest that it was told, and whoever
// owns it then looks at all of them.
//
// Threads: as loop.h.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "backends/net/loop.h"

namespace ringproxy::net {

class EarliestTimer {
 public:
  EarliestTimer(Loop& loop, std::function<void()> on_expiry)
      : clock_(loop), timer_(loop.NewTimer(std::move(on_expiry))) {}

  // It fires at `time` at the latest.
  void FireBy(TimePoint time) {
    if (timer_->armed() && fires_at_ <= time) return;
    fires_at_ = time;
    timer_->Arm(time - clock_.now());
  }
  void Disarm() { timer_->Disarm(); }
  bool armed() const { return timer_->armed(); }

 private:
  const Clock& clock_;
  std::unique_ptr<Timer> timer_;
  TimePoint fires_at_{};  // While it is armed.
};

}  // namespace ringproxy::net
