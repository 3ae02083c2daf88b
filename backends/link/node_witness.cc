#include "backends/link/node_witness.h"

namespace ringproxy::backends {

void NodeWitness::OnReady() {
  guard_.OnReady();
  silent_timeouts_ = 0;
}

void NodeWitness::OnTimeout(const InFlight& entry) {
  const bool timed = IsTimed(entry);
  if (!timed || entry.author == wire::Author::kClient) stats_.excused_timeouts.Add();
  if (IsEvidence(entry)) guard_.OnTimeout(entry.sent, timed);
}

// A script's counts too: that the connection is gone are not its words.
void NodeWitness::OnLost(const InFlight& entry, std::string_view why) {
  if (!entry.IsProbe()) guard_.OnLost(entry.sent, why);
}

// Requests that were sent one after the other meet the same silence: it counts once a timeout.
bool NodeWitness::CountSilence() {
  const net::TimePoint now = clock_.now();
  if (now < next_silence_) return false;
  next_silence_ = now + settings_.timeouts.request;
  if (++silent_timeouts_ < kSilentTimeouts) return false;
  guard_.OnSilence();
  return true;
}

}  // namespace ringproxy::backends
