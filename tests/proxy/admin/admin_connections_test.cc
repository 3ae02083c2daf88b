// The admin port's connections, over real sockets: how they end, and what happens when none can be had.
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

#include "backends/net/libevent_loop.h"
#include "backends/own_trouble.h"
#include "proxy/admin/admin_http.h"

namespace {

int removals = 0;
int removals_after_close = 0;

}  // namespace

// libevent's own calls come here: a number that is taken out of epoll must still be the caller's.
extern "C" int epoll_ctl(int poller, int operation, int fd, epoll_event* event) noexcept {
  if (operation == EPOLL_CTL_DEL) {
    ++removals;
    if (fcntl(fd, F_GETFD) < 0) ++removals_after_close;
  }
  // The next one is a sanitizer's, if there is any.
  static const auto next = reinterpret_cast<int (*)(int, int, int, epoll_event*)>(dlsym(RTLD_NEXT, "epoll_ctl"));
  return next(poller, operation, fd, event);
}

namespace ringproxy::proxy {
namespace {

class AdminConnectionsTest : public testing::Test {
 protected:
  AdminConnectionsTest() {
    spdlog::set_level(spdlog::level::off);
    std::string error;
    EXPECT_TRUE(admin_.Listen(loop_.base(), &error)) << error;
  }

  std::shared_ptr<const Snapshot> LocalAdmin() {
    conf::Config config;
    config.admin.listen = {"127.0.0.1", 0, ""};
    return MakeSnapshot(std::move(config), nodes_);
  }
  int Connect() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(admin_.port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    return fd;
  }
  static std::string Ask(int fd, const std::string& request) {
    EXPECT_EQ(send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string reply(1 << 16, 0);
    const ssize_t got = recv(fd, reply.data(), reply.size(), 0);
    reply.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return reply;
  }
  // The loop turns on this thread for as long as `client` runs on another.
  void Serve(const std::function<void()>& client) {
    std::thread other([&] {
      client();
      loop_.Stop();
    });
    loop_.Run();
    other.join();
  }

  backends::NodeRegistry nodes_{1};
  std::shared_ptr<const Snapshot> snapshot_ = LocalAdmin();
  net::Resolver resolver_;
  net::LibeventLoop loop_{resolver_};
  AdminHttp admin_{snapshot_, nodes_};
};

TEST_F(AdminConnectionsTest, ASocketIsClosedOnlyWhenEpollHasForgottenIt) {
  removals = removals_after_close = 0;
  Serve([this] {
    for (const bool asks_to_close : {true, false}) {
      const int fd = Connect();
      const std::string close_header = asks_to_close ? "Connection: close\r\n" : "";
      EXPECT_TRUE(Ask(fd, "GET /healthz HTTP/1.1\r\nHost: x\r\n" + close_header + "\r\n").starts_with("HTTP/1.1 200"));
      if (!asks_to_close) shutdown(fd, SHUT_WR);  // The client leaves; the other end notices.
      char end = 0;
      EXPECT_EQ(recv(fd, &end, 1, 0), 0);
      close(fd);
    }
    const int rude = Connect();
    EXPECT_EQ(send(rude, "GET /hea", 8, MSG_NOSIGNAL), 8);
    const linger reset{1, 0};
    setsockopt(rude, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(rude);
    const int last = Connect();  // Served after the end of those before.
    EXPECT_FALSE(Ask(last, "GET /healthz HTTP/1.0\r\n\r\n").empty());
    close(last);
  });
  EXPECT_GT(removals, 0);
  EXPECT_EQ(removals_after_close, 0);
}

TEST_F(AdminConnectionsTest, PausesWhileThereIsNoDescriptorAndThenServes) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const uint64_t troubles = backends::OwnTroubles(backends::Attempt::kAdmin);
  const int client = Connect();
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  Serve([&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto count = [&] { return backends::OwnTroubles(backends::Attempt::kAdmin) - troubles; };
    const auto start = std::chrono::steady_clock::now();
    while (count() < 4 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_EQ(count(), 4U);
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(250));  // Three pauses.
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_TRUE(Ask(client, "GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200"));
  });
  close(client);
}

}  // namespace
}  // namespace ringproxy::proxy
