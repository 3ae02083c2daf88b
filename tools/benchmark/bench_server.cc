// tools/benchmark/bench_server.cc – Canned-reply Redis nodes, all of them on one thread: so light that a proxy in front
// saturates.
//   bench_server --nodes 4      prints its ports on one line, then serves until it is killed.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <vector>

#include "tools/benchmark/canned_output.h"
#include "tools/benchmark/canned_replies.h"
#include "tools/benchmark/socket.h"

namespace ringproxy::bench {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr int kEventsPerTurn = 256;

// Either a listener (replies unused) or a connection of a proxy.
struct Peer {
  Fd fd;
  bool listens = false;
  bool waits_for_room = false;
  CannedReplies replies{};
  CannedOutput out{};
};

class Server {
 public:
  explicit Server(size_t nodes) : read_buffer_(kReadBytes) {
    for (size_t i = 0; i < nodes; ++i) {
      uint16_t port = 0;
      // Never deleted: it serves until the process is killed.
      auto* const listener = new Peer{.fd = ListenOnFreePort(port), .listens = true};
      epoll_.Add(listener->fd.get(), EPOLLIN, listener);
      std::printf("%s%u", i == 0 ? "" : " ", static_cast<unsigned>(port));
    }
    std::printf("\n");
    // The script that has started it waits for this line.
    std::fflush(stdout);
  }

  [[noreturn]] void Run() {
    while (true) {
      epoll_event events[kEventsPerTurn];
      const int ready = epoll_.Wait(events, kEventsPerTurn, -1);
      for (int i = 0; i < ready; ++i) Serve(static_cast<Peer*>(events[i].data.ptr));
    }
  }

 private:
  void Serve(Peer* peer) {
    if (peer->listens) return Accept(*peer);
    if (!Read(*peer) || !Write(*peer)) delete peer;
  }

  void Accept(const Peer& listener) {
    for (Fd fd = AcceptOne(listener.fd.get()); fd.open(); fd = AcceptOne(listener.fd.get())) {
      auto* const peer = new Peer{.fd = std::move(fd)};
      epoll_.Add(peer->fd.get(), EPOLLIN, peer);
    }
  }

  // Returns false when the connection ended or sent something that is no request.
  bool Read(Peer& peer) {
    while (true) {
      const size_t skip = peer.replies.bytes_to_skip();
      // TCP drops what MSG_TRUNC reads instead of copying it out: a large value costs this side nearly nothing.
      const bool drop = skip >= kReadBytes;
      const ssize_t got = recv(peer.fd.get(), read_buffer_.data(), drop ? skip : kReadBytes, drop ? MSG_TRUNC : 0);
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      const auto bytes = static_cast<size_t>(got);
      if (drop) {
        peer.replies.Skipped(bytes, peer.out);
      } else if (!peer.replies.Feed({read_buffer_.data(), bytes}, peer.out)) {
        return false;
      }
      // A short read has emptied the socket, and another call would only say so.
      if (bytes < kReadBytes) return true;
    }
  }

  bool Write(Peer& peer) {
    if (!peer.out.Flush(peer.fd.get())) return false;
    const bool wait = !peer.out.empty();
    if (wait != peer.waits_for_room) {
      peer.waits_for_room = wait;
      epoll_.Change(peer.fd.get(), wait ? EPOLLIN | EPOLLOUT : EPOLLIN, &peer);
    }
    return true;
  }

  Epoll epoll_;
  std::vector<char> read_buffer_;
};

}  // namespace
}  // namespace ringproxy::bench

int main(int argc, char** argv) {
  namespace options = boost::program_options;
  size_t nodes = 0;
  options::options_description known("bench_server: canned-reply Redis and memcached nodes");
  known.add_options()("help", "show this")("nodes", options::value(&nodes)->default_value(4),
                                           "how many ports to serve");
  options::variables_map given;
  try {
    options::store(options::parse_command_line(argc, argv, known), given);
    options::notify(given);
  } catch (const options::error& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
  if (given.contains("help")) {
    std::cout << known;
    return 0;
  }
  ringproxy::bench::RaiseFileLimit();
  ringproxy::bench::Server(nodes).Run();
}
