// backends/link/control_link.h – A worker's link to one node for words about what its other links carry.
//
// Purpose: what ends a wait or a script that runs must not stand behind the clients' commands, for on the link that all
// share it would be read when that is over. So this one carries such words and nothing else: no client's command, no
// script, nothing that may wait. By itself it asks whether a script keeps the node busy: see ScriptProbe. It opens when
// it is first needed and closes when nobody has needed it for kKept. Threads: its worker's. Lifetime: all that it is
// given outlives it. Promise: as NodeConnection's. Bounds: those of any connection to the node, of its own.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backends/link/node_connection.h"
#include "backends/link/script_probe.h"

namespace ringproxy::backends {

class ControlLink {
 public:
  // Without a word.
  static constexpr std::chrono::seconds kKept{60};

  ControlLink(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink)
      : connection_(parts, guard, sink), probe_(parts.io.loop, guard.heavy().scripts, *this) {}

  // Whoever says it is not asked whether the node takes requests: one that seems to be down may just be kept busy by
  // what is to be ended.
  void Send(std::string_view word, Ticket ticket, wire::Work work = wire::Work::kPlain);

  // See NodeConnection. None is opened before Reopen.
  void Drain();
  void Reopen() { takes_ = true; }
  void Hurry() { connection_.Hurry(); }
  // Once a second.
  void Tick();
  bool is_closed() const {
    return connection_.state() == LinkState::kClosed || connection_.state() == LinkState::kIdle;
  }
  size_t in_flight() const { return connection_.in_flight(); }

 private:
  NodeConnection connection_;
  ScriptProbe probe_;
  uint32_t idle_seconds_ = 0;
  uint64_t idle_losses_ = 0;  // Of the connection, at the last word.
  bool takes_ = true;
};

}  // namespace ringproxy::backends
