// tests/backends/net/event_base_fixture.h – A bare libevent loop and real sockets on loopback, for what is built on
// them.
#pragma once

#include <event2/event.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "backends/net/loop.h"
#include "backends/net/mailbox.h"

namespace ringproxy::net {

// A plain socket of the test's own; closes itself.
class TestSocket {
 public:
  explicit TestSocket(int fd) : fd_(fd) {}
  TestSocket(int family, int flags) : fd_(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)) {}
  TestSocket(TestSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TestSocket& operator=(TestSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~TestSocket() { Close(); }

  int fd() const { return fd_; }
  // To whoever closes it from now on.
  int Release() { return std::exchange(fd_, -1); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  // The other end reads an error instead of an end.
  void Reset() {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    Close();
  }
  int Option(int level, int name) const {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(getsockopt(fd_, level, name, &value, &size), 0);
    return value;
  }
  // Of a TCP socket over IPv4.
  uint16_t port() const {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size), 0);
    return ntohs(own.sin_port);
  }

 private:
  int fd_;
};

inline sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline sockaddr_un LocalAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// 0, or the errno; what is under way counts as done.
template <typename Address>
int ConnectTo(const TestSocket& socket, const Address& address) {
  const int failed = connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return failed == 0 || errno == EINPROGRESS ? 0 : errno;
}

template <typename Address>
int BindTo(const TestSocket& socket, const Address& address) {
  return bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

// While it lives, this process gets no further descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 3;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// Turns until it is true. False after ten seconds without, or after too many turns.
inline bool RunUntil(event_base* base, const std::function<bool()>& is_true) {
  constexpr int kMostTurns = 100'000;
  bool timed_out = false;
  event* guard = event_new(
      base, -1, 0, [](evutil_socket_t, short, void* flag) { *static_cast<bool*>(flag) = true; }, &timed_out);
  const timeval bound{10, 0};
  event_add(guard, &bound);
  bool reached = is_true();
  for (int turn = 0; turn < kMostTurns && !timed_out && !reached; ++turn) {
    event_base_loop(base, EVLOOP_ONCE);
    reached = is_true();
  }
  event_free(guard);
  return reached;
}

// A libevent loop that turns on the test's own thread.
class TestEventBase {
 public:
  event_base* base() { return base_.get(); }
  const EventHome& home() const { return home_; }
  // What is ready now, and no waiting.
  void Turn() { event_base_loop(base_.get(), EVLOOP_ONCE | EVLOOP_NONBLOCK); }
  bool RunUntil(const std::function<bool()>& is_true) { return net::RunUntil(base_.get(), is_true); }

 private:
  struct FreeBase {
    void operator()(event_base* base) const { event_base_free(base); }
  };
  struct NoClock final : Clock {
    TimePoint Read() const override { return {}; }
  };
  std::unique_ptr<event_base, FreeBase> base_{event_base_new()};
  NoClock clock_;
  const EventHome home_{base_.get(), clock_};
};

// A Loop whose posted work is done by the turns of a test's base. It has neither timers nor connections.
class PostedWork final : public Loop {
 public:
  explicit PostedWork(event_base* base) : home_{base, *this}, mailbox_(home_) {}
  std::unique_ptr<Timer> NewTimer(std::function<void()>) override { return nullptr; }
  std::unique_ptr<Stream> Connect(const Endpoint&, StreamObserver&) override { return nullptr; }
  void Post(std::function<void()> work) override { mailbox_.Post(std::move(work)); }
  void SetEndOfTurn(std::function<NextTurn()>) override {}
  void SetTurnMeter(std::function<void(const TurnTimes&)>) override {}

 private:
  TimePoint Read() const override { return {}; }

  const EventHome home_;
  Mailbox mailbox_;
};

class EventBaseTest : public testing::Test, protected TestEventBase {};

}  // namespace ringproxy::net
