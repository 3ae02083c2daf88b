#include "backends/link/script_probe.h"

#include "backends/link/control_link.h"

namespace ringproxy::backends {
namespace {

// A script is found to be long when it was there at two looks.
constexpr net::Duration kLook = ScriptProbe::kInterval / 2;

}  // namespace

ScriptProbe::ScriptProbe(net::Loop& loop, ScriptHold& hold, ControlLink& control)
    : loop_(loop), hold_(hold), control_(control) {
  hold_.SetWatch([this] { Watch(); });
}

void ScriptProbe::Watch() {
  if (!timer_) timer_.emplace(loop_, [this] { OnTimer(); });
  timer_->FireBy(loop_.now() + kLook);
}

void ScriptProbe::OnTimer() {
  if (!hold_.any()) return;
  if (hold_.OnTick()) Ask();
  timer_->FireBy(loop_.now() + kLook);
}

void ScriptProbe::Ask() {
  // Also one that has timed out keeps its place there, and the node's next words come behind its answer.
  if (control_.in_flight() == 0) {
    silent_ = 0;
    return control_.Send("*1\r\n$4\r\nPING\r\n", NodeWitness::kScriptQuestion);
  }
  if (++silent_ * kLook == kMostSilent * kInterval) hold_.OnAnswer({});
}

}  // namespace ringproxy::backends
