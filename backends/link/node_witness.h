// backends/link/node_witness.h – Tells a node's guard what became of the requests on one link, as far as the node is to
// be judged by it.
//
// Purpose: knows what is evidence: not what a client's script says or takes. Excuses what had to wait behind something
// large, or while the node had something heavy to do. Counts for how many timeouts nothing has come. What it does not
// tell stays between the link and its clients. Threads: its worker's. Lifetime: all that it is given outlives it.
#pragma once

#include <string_view>

#include "backends/health/node_guard.h"
#include "backends/link/in_flight.h"
#include "backends/link/reply_frame.h"
#include "backends/node_settings.h"
#include "backends/server_version.h"
#include "backends/stats.h"

namespace ringproxy::backends {

class NodeWitness {
 public:
  static constexpr uint32_t kSilentTimeouts = 3;
  // Of a probe that asks whether a script keeps the node busy, and for nothing else.
  static constexpr Ticket kScriptQuestion{.slot = 1, .kind = Ticket::Kind::kInternal};

  NodeWitness(const net::Clock& clock, const NodeSettings& settings, NodeGuard& guard, NodeStats& stats)
      : clock_(clock), settings_(settings), guard_(guard), stats_(stats) {}

  // A greeted link, and what it was told; one that could not be had; one whose flavour alone was refused.
  void OnReady(ServerVersion version);
  ServerVersion version() const { return guard_.record().version(); }
  void OnRefused() { guard_.OnClosed(); }
  void OnConnectFailed(std::string_view why) { guard_.OnConnectFailed(why); }
  // Something came; of it, an unfinished reply of at least so many bytes.
  void OnBytes() {
    silent_timeouts_ = 0;
    guard_.silence().OnHeard();
  }
  void OnUnfinished(size_t least_bytes) {
    if (least_bytes > kMostTimedReply) large_until_ = clock_.now();
  }

  // A request enters or leaves the pipeline.
  void OnSent(const InFlight& entry) {
    guard_.load().OnSent();
    if (!entry.IsUsual()) OnUnusualSent(entry);
  }
  void OnGone(const InFlight& entry) {
    // First: what is no load has to be one before it is gone.
    if (!entry.IsUsual()) OnUnusualGone(entry);
    guard_.load().OnGone();
  }
  // Its reply is in, perhaps too late.
  void OnAnswered(const InFlight& entry, size_t reply_bytes) {
    if (entry.bytes > kMostTimedRequest || reply_bytes > kMostTimedReply) large_until_ = clock_.now();
  }
  // It is in time. Requires: OnAnswered came before.
  void OnReply(const InFlight& entry, const ReplyFrame& reply) {
    if (entry.IsProbe()) [[unlikely]]
      return OnProbeReply(entry, reply);
    if (HasItsNodesWords(entry)) return guard_.OnReply(entry.sent, reply.fault(), IsTimed(entry));
    const bool is_good = entry.asked.work == wire::Work::kForeign && reply.fault() == wire::Fault::kNone;
    if (is_good) guard_.OnReply(entry.sent, wire::Fault::kNone, IsTimed(entry), false);
  }
  // `had_link`: it did not wait for its link all the time.
  void OnTimeout(const InFlight& entry, bool had_link = true);
  // The link broke under it after it was written.
  void OnLost(const InFlight& entry, std::string_view why);
  // A probe gets no reply at all, or none in time.
  void OnProbeFailed(Ticket ticket);
  // Requests are late and nothing has come. True, and the guard has heard of it, when that has lasted for too long.
  bool CountSilence();
  // Something has waited `since` then. The guard asks about the node if nothing has come for long; returns when to look
  // again.
  net::TimePoint LookForSilence(net::TimePoint since) { return guard_.silence().Look(since); }

 private:
  // A node may take its time over more than these: a large multi-get, a whole collection.
  static constexpr size_t kMostTimedRequest = 4 << 10;
  static constexpr size_t kMostTimedReply = 64 << 10;

  void OnProbeReply(const InFlight& entry, const ReplyFrame& reply);
  // The load has heard of it already.
  void OnUnusualSent(const InFlight& entry);
  void OnUnusualGone(const InFlight& entry);
  static bool HasItsNodesWords(const InFlight& entry) {
    return entry.asked.work != wire::Work::kScript && entry.asked.work != wire::Work::kForeign;
  }
  // Whether the clock may judge the node by this request: nothing large or heavy kept it waiting.
  bool IsTimed(const InFlight& entry) const {
    return entry.sent >= large_until_ && !entry.IsHeavy() && guard_.heavy().IsOverSince(entry.sent);
  }

  const net::Clock& clock_;
  const NodeSettings& settings_;
  NodeGuard& guard_;
  NodeStats& stats_;
  net::TimePoint large_until_{};   // When something large was last under way.
  net::TimePoint next_silence_{};  // Not counted again before.
  uint32_t silent_timeouts_ = 0;   // Since the last byte came, counted once a timeout.
};

}  // namespace ringproxy::backends
