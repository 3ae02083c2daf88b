// backends/health/silence_watch.h – What it means that nothing comes from a node, as one worker sees it.
//
// Purpose: time alone says little where the process checks the node, since a client's slow command is no illness. So a
// silence asks for a check, and only once a check has failed may time be held against the node. Where nobody checks it,
// time may be held against it always.
// Threads: its worker's. Lifetime: all that the constructor is given outlives it.
#pragma once

#include "backends/health/heavy_work.h"
#include "backends/health/node_breaker.h"

namespace ringproxy::backends {

class SilenceWatch {
 public:
  // How long a check waits while something heavy is under way on the node.
  static constexpr net::Duration kLongestCheck = std::chrono::seconds(5);

  SilenceWatch(const net::Clock& clock, const NodeSettings& settings, const HeavyWork& heavy, NodeBreaker& breaker)
      : clock_(clock), settings_(settings), heavy_(heavy), breaker_(breaker) {}

  // Bytes came from the node.
  void OnHeard() { heard_ = clock_.now(); }
  bool HeardSince(net::TimePoint time) const { return heard_ > time; }
  // Something has waited since `since`. Asks for a check if nothing has come for as long as a check may take; returns
  // when to look again. Requires: the process checks the node.
  net::TimePoint Look(net::TimePoint since);
  // Whether a silence may be held against a connection.
  bool MayCount() const { return !heavy_.is_under_way() && !(asked_ && clock_.now() < asked_until_); }
  // A connection is given up because nothing comes.
  void OnGivenUp() {
    if (MayJudgeByTime()) breaker_.TripIfClosed(TripReason::kTimeouts);
  }

  // What the last check has found.
  void OnChecked(bool good) {
    asked_ = false;
    check_failed_ = !good;
  }
  bool is_checked() const { return settings_.check_timeout > net::Duration(0); }
  bool MayJudgeByTime() const { return check_failed_ || !is_checked(); }

 private:
  const net::Clock& clock_;
  const NodeSettings& settings_;
  const HeavyWork& heavy_;
  NodeBreaker& breaker_;
  net::TimePoint heard_{};  // When bytes last came.
  net::TimePoint told_{};   // When a silence was last told.
  // The process was asked for a check and has not said what came of it. It may forget to: nobody checks a node that an
  // operator has disabled.
  bool asked_ = false;
  net::TimePoint asked_until_{};
  bool check_failed_ = false;
};

}  // namespace ringproxy::backends
