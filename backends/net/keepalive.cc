#include "backends/net/keepalive.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace ringproxy::net {
namespace {

constexpr int kProbes = 3;

}  // namespace

void SetKeepalive(int fd, Duration keepalive) {
  if (keepalive <= Duration(0)) return;
  const int on = 1;
  const auto idle = static_cast<int>(std::chrono::ceil<std::chrono::seconds>(keepalive).count());
  // The kernel refuses an interval of 0.
  const int interval = std::max(1, idle / 6);
  // Keepalive alone does not look after a peer that owes an acknowledgement.
  const unsigned most_ms = static_cast<unsigned>(idle + kProbes * interval) * 1000;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof most_ms);
}

}  // namespace ringproxy::net
