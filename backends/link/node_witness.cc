#include "backends/link/node_witness.h"

namespace ringproxy::backends {

void NodeWitness::OnReady() {
  guard_.OnReady();
  silent_timeouts_ = 0;
}

void NodeWitness::OnTimeout(const InFlight& entry) {
  if (entry.IsHeavy()) guard_.heavy().OnOver();  // The node may go on with it; nobody knows how long.
  const bool timed = IsTimed(entry);
  if (!timed || entry.work == wire::Work::kScript) stats_.excused_timeouts.Add();
  if (IsEvidence(entry)) guard_.OnTimeout(entry.sent, timed);
}

// A script's counts too: that the connection is gone are not its words.
void NodeWitness::OnLost(const InFlight& entry, std::string_view why) {
  if (!entry.IsProbe()) guard_.OnLost(entry.sent, why);
}

// Requests that were sent one after the other meet the same silence: it counts once a timeout. What is heavy may take
// its time, and a check that is under way may say that the node is well.
bool NodeWitness::CountSilence() {
  if (!guard_.silence().MayCount()) return false;
  const net::TimePoint now = clock_.now();
  if (now < next_silence_) return false;
  next_silence_ = now + settings_.timeouts.request;
  if (++silent_timeouts_ < kSilentTimeouts) return false;
  guard_.silence().OnGivenUp();
  return true;
}

}  // namespace ringproxy::backends
