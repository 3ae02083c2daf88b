// proxy/session/entrance.h – Where the clients of one worker come in: its listeners, as the snapshot in force has them,
// and those who have something to say before their session begins.
//
// Threads: its worker's. Lifetime: it outlives the sessions, which refer to their listeners; what it is given outlives
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "proxy/session/arrivals.h"
#include "proxy/session/session_table.h"

namespace ringproxy::proxy {

class Entrance {
 public:
  // Nobody comes before Open.
  Entrance(backends::WorkerIo& io, SessionTable& sessions);

  // `stats`: a row for each listener of the configuration.
  void Open(const conf::Config& config, std::deque<ListenerStats>& stats);
  // Goes over to another configuration, of the same listeners. Requires: no request is on the stack.
  void Adopt(const conf::Config& config);

  // A client that was accepted on `listener`.
  void Add(uint32_t listener, ClientState client, const SessionTable::MakeStream& make_stream);
  // Who still comes was accepted before, and is sent away.
  void Drain();
  // About once a second: gives idle memory back, closes who is late.
  void Tick();

  std::vector<ListenerContext>& listeners() { return listeners_; }

 private:
  void BeginSession(ListenerContext& listener, ClientState client, const SessionTable::MakeStream& make_stream);

  backends::WorkerIo& io_;
  SessionTable& sessions_;
  std::vector<ListenerContext> listeners_;
  Arrivals arrivals_;
  bool is_draining_ = false;
};

}  // namespace ringproxy::proxy
