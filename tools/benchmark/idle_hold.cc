// tools/benchmark/idle_hold.cc – see idle_hold.h.
#include "tools/benchmark/idle_hold.h"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string_view>
#include <thread>
#include <vector>

#include "tools/benchmark/socket.h"

namespace ringproxy::bench {
namespace {

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";
constexpr std::string_view kPong = "+PONG\r\n";
constexpr size_t kOpenAtOnce = 500;
constexpr auto kPause = std::chrono::milliseconds(20);

void PingOnce(int fd) {
  char reply[kPong.size()];
  if (send(fd, kPing.data(), kPing.size(), MSG_NOSIGNAL) < 0) Die("send PING");
  const ssize_t got = recv(fd, reply, sizeof reply, MSG_WAITALL);
  if (got < 0 || std::string_view(reply, static_cast<size_t>(got)) != kPong) Die("the reply to PING");
}

}  // namespace

void HoldIdle(const LoadOptions& options) {
  std::vector<Fd> connections;
  for (size_t i = 0; i < options.idle; ++i) {
    connections.push_back(ConnectTo(options.address));
    if (options.ping) PingOnce(connections.back().get());
    // Nothing tells when a silent connection was accepted, and a full accept queue would drop it unseen.
    if (i % kOpenAtOnce == 0) std::this_thread::sleep_for(kPause);
  }
  std::printf("ready\n");
  std::fflush(stdout);
  char ignored[16];
  while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) continue;
}

}  // namespace ringproxy::bench
