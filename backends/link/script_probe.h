// backends/link/script_probe.h – Asks a node on which a script of this worker's runs for long whether it is busy.
//
// Purpose: ScriptHold wants to know it, and the script's own link is the one that cannot tell. It is asked by PING over
// the control link, which no script holds. At the first 5 s of a script the node reads nothing at all and the question
// waits; there is never more than one. Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include <chrono>
#include <optional>

#include "backends/health/script_hold.h"
#include "backends/net/earliest_timer.h"

namespace ringproxy::backends {

class ControlLink;

class ScriptProbe {
 public:
  // A script that takes longer may be one by which others suffer.
  static constexpr net::Duration kInterval = std::chrono::milliseconds(100);
  // What the node has said is out of date when it has left so many questions in a row without an answer.
  static constexpr uint32_t kMostSilent = 3;

  ScriptProbe(net::Loop& loop, ScriptHold& hold, ControlLink& control);
  ~ScriptProbe() { hold_.SetWatch(nullptr); }
  ScriptProbe(const ScriptProbe&) = delete;
  ScriptProbe& operator=(const ScriptProbe&) = delete;

 private:
  void Watch();
  void OnTimer();
  void Ask();

  net::Loop& loop_;
  ScriptHold& hold_;
  ControlLink& control_;
  std::optional<net::EarliestTimer> timer_;  // Of a node on which a script has run.
  uint32_t silent_ = 0;                      // Times that the last question was found unanswered.
};

}  // namespace ringproxy::backends
