#include "backends/net/last_words.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace ringproxy::net {

void HoldForEnd(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

// Both ends have ended their sides, so the socket is closed once the peer has acknowledged ours, or by its reset.
LastWords LastWordsOf(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  // The kernel calls it a broken pipe where our end had not left by then.
  if (error == ECONNRESET || error == EPIPE) return LastWords::kRefused;
  tcp_info info{};
  size = sizeof info;
  const bool is_tcp = getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return is_tcp && info.tcpi_state != TCP_CLOSE ? LastWords::kUnderWay : LastWords::kTaken;
}

}  // namespace ringproxy::net
