// proxy/control/acceptor.h – Where clients come in: the listeners' sockets, and how many clients each may have.
//
// Purpose: accepts a client, or refuses it in the words of its protocol when its listener has max_connections or the
// descriptors leave no room. Who serves it is the owner's to say.
// Threads: the control loop's. Lifetime: all that the constructor is given outlives it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/net/libevent_loop.h"
#include "backends/net/listen_socket.h"
#include "proxy/control/worker_stats.h"
#include "proxy/local/local_commands.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

class Acceptor {
 public:
  // Takes over the descriptor.
  using Serve = std::function<void(uint32_t listener, ClientState client, int fd)>;

  // `room_for_clients`: of all listeners, as far as descriptors go.
  Acceptor(net::LibeventLoop& loop, const Snapshot& snapshot, AllStats workers, uint64_t room_for_clients, Serve serve);

  // False, and the log says why, when one of the listeners cannot listen.
  bool Listen();
  // Accepts nobody any more.
  void Close() { sockets_.clear(); }

 private:
  void Accept(uint32_t listener, int fd, std::string peer);
  uint64_t ClientsOf(uint32_t listener) const;
  // Why the listener cannot have one more; empty = it can.
  std::string WhyFull(uint32_t listener) const;
  void Refuse(uint32_t listener, int fd, const std::string& why, const std::string& peer);

  net::LibeventLoop& loop_;
  const Snapshot& snapshot_;
  AllStats workers_;
  uint64_t room_for_clients_;
  Serve serve_;
  std::vector<std::unique_ptr<net::ListenSocket>> sockets_;
  std::vector<uint64_t> accepted_;  // Handed out so far, by listener.
  uint64_t next_client_id_ = 1;
};

}  // namespace ringproxy::proxy
