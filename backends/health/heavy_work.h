// backends/health/heavy_work.h – What one worker has under way on a node that may keep it busy for long: scripts, heavy
// commands, huge requests. It excuses what waits behind it.
//
// Threads: its worker's. Lifetime: the clock, the record's statistics and its notice outlive it.
#pragma once

#include "backends/health/script_hold.h"
#include "backends/net/loop.h"
#include "backends/stats.h"

namespace ringproxy::backends {

class HeavyWork {
 public:
  // `notice`: the record's.
  HeavyWork(const net::Clock& clock, NodeStats& stats, BusyNotice& notice)
      : scripts(clock, notice), clock_(clock), stats_(stats) {}

  void OnSent() { stats_.heavy_in_flight.Add(); }
  // It is answered, or nobody waits for it any more.
  void OnOver() {
    stats_.heavy_in_flight.Subtract(1);
    until_ = clock_.now();
  }
  bool is_under_way() const { return stats_.heavy_in_flight.value() > 0; }
  // There was none since then.
  bool IsOverSince(net::TimePoint time) const { return !is_under_way() && time >= until_; }

  // Of scripts, until they are answered: whether they keep the node from everybody else.
  ScriptHold scripts;

 private:
  const net::Clock& clock_;
  NodeStats& stats_;
  net::TimePoint until_{};  // When some was last under way.
};

}  // namespace ringproxy::backends
