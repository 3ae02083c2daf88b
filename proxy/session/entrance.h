// proxy/session/entrance.h – Where the clients of one worker come in: its listeners, as the snapshot in force has them.
//
// Threads: its worker's. Lifetime: it outlives the sessions, which refer to their listeners; what it is given outlives
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "proxy/session/session_table.h"

namespace ringproxy::proxy {

class Entrance {
 public:
  // Nobody comes before Open.
  explicit Entrance(SessionTable& sessions) : sessions_(sessions) {}

  // `stats`: a row for each listener of the configuration.
  void Open(const conf::Config& config, std::deque<ListenerStats>& stats);
  // Goes over to another configuration, of the same listeners. Requires: no request is on the stack.
  void Adopt(const conf::Config& config);

  // A client that was accepted on `listener`.
  void Add(uint32_t listener, ClientState client, const SessionTable::MakeStream& make_stream);
  // Who still comes was accepted before, and is sent away.
  void Drain() { is_draining_ = true; }
  // About once a second: gives idle memory back.
  void Tick();

  std::vector<ListenerContext>& listeners() { return listeners_; }

 private:
  SessionTable& sessions_;
  std::vector<ListenerContext> listeners_;
  bool is_draining_ = false;
};

}  // namespace ringproxy::proxy
