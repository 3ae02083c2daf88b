// backends/net/listen_socket.h – A bound, listening socket that hands out accepted ones.
//
// Threads, ownership: its loop's thread; must die before the loop. A Unix socket's own file is removed
// with it.
#pragma once

#include <event2/event_struct.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/net/loop.h"
#include "backends/net/socket_address.h"

struct event_base;

namespace ringproxy::net {

// The account of the process at the other end of a Unix socket: its name, or its number if it has none; empty if the
// system does not tell.
std::string PeerUser(int fd);

// Tells a file from another one that has taken its name.
struct FileId {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const FileId&) const = default;
};

class ListenSocket {
 public:
  // `fd` is connected and non-blocking and belongs to the callee; `peer` is its address as text.
  using OnAccept = std::function<void(int fd, std::string peer)>;

  // A client waits and cannot be accepted, for want of a descriptor or memory (an errno): tried again soon.
  using OnTrouble = std::function<void(int error)>;

  // One for each address that the endpoint has; none, and the reason in `error`, when it cannot be bound.
  static std::vector<std::unique_ptr<ListenSocket>> Open(event_base* base, const Endpoint& endpoint,
                                                         const OnAccept& on_accept, const OnTrouble& on_trouble,
                                                         std::string* error);
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;
  ~ListenSocket();

  // The port that is bound, also when the endpoint said 0; 0 for a Unix socket.
  uint16_t port() const { return PortOf(bound_); }
  const SocketAddress& bound() const { return bound_; }

 private:
  ListenSocket(event_base* base, int fd, const Endpoint& endpoint, OnAccept on_accept, OnTrouble on_trouble);
  void AcceptAll();
  // The waiting client would wake the loop again and again.
  void PauseFor(const timeval& wait);

  event_base* base_;
  int fd_;
  SocketAddress bound_;
  std::string unix_path_;
  FileId file_;
  OnAccept on_accept_;
  OnTrouble on_trouble_;
  event readable_{};
  event resume_{};
};

}  // namespace ringproxy::net
