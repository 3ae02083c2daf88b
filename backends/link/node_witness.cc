#include "backends/link/node_witness.h"

namespace ringproxy::backends {

void NodeWitness::OnReady(ServerVersion version) {
  if (version.is_known()) guard_.record().SetVersion(version);
  guard_.OnReady();
  silent_timeouts_ = 0;
}

void NodeWitness::OnUnusualSent(const InFlight& entry) {
  if (entry.IsBlocking()) return guard_.load().OnGone();
  guard_.heavy().OnSent();
  if (entry.asked.work == wire::Work::kScript) guard_.heavy().scripts.OnSent();
}

void NodeWitness::OnUnusualGone(const InFlight& entry) {
  if (entry.IsBlocking()) return guard_.load().OnSent();
  if (!entry.timed_out) guard_.heavy().OnOver();
  // That its client waits no longer does not end it.
  if (entry.asked.work == wire::Work::kScript) guard_.heavy().scripts.OnGone(entry.entered);
}

void NodeWitness::OnProbeReply(const InFlight& entry, const ReplyFrame& reply) {
  // The breaker has not asked, and its time is not to be cut short.
  if (entry.ticket.slot == kScriptQuestion.slot) return guard_.heavy().scripts.OnAnswer(reply.bytes());
  guard_.OnProbeReply(entry.sent, reply.fault());
}

void NodeWitness::OnProbeFailed(Ticket ticket) {
  if (ticket.slot == kScriptQuestion.slot) return guard_.heavy().scripts.OnAnswer({});
  guard_.breaker().OnProbe(false);
}

void NodeWitness::OnTimeout(const InFlight& entry, bool had_link) {
  // What a client has waited for says nothing of the node.
  if (entry.IsBlocking()) return stats_.excused_timeouts.Add();
  if (entry.IsHeavy()) guard_.heavy().OnOver();  // The node may go on with it; nobody knows how long.
  const bool timed = IsTimed(entry);
  if (!timed || entry.asked.work == wire::Work::kScript || !had_link) stats_.excused_timeouts.Add();
  // Clients whose flavours take each other's links may wait for one for long; that a connection fails counts by itself.
  if (had_link && !entry.IsProbe() && entry.asked.work != wire::Work::kScript) guard_.OnTimeout(entry.sent, timed);
}

// A script's counts too: that the connection is gone are not its words.
void NodeWitness::OnLost(const InFlight& entry, std::string_view why) {
  if (!entry.IsProbe() && !entry.IsBlocking()) guard_.OnLost(entry.sent, why);
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
