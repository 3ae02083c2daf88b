// tools/benchmark/socket.h – The few socket and epoll calls that the load generator and the canned servers share.
// Purpose: benchmark programs talk to the kernel directly, so that they cost far less than any proxy between them.
// Threads: each program has one thread.
// Promises: a failed call ends the program with a message; a benchmark that goes on after one would measure something
// else.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace ringproxy::bench {

// Owns one file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() { Close(); }

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// Prints `what` with the text of errno, then exits with status 2.
[[noreturn]] void Die(std::string_view what);

// A non-blocking listening socket on a free port of 127.0.0.1.
Fd ListenOnFreePort(uint16_t& port);

// Connects to "127.0.0.1:7001" or "unix:/path" and waits until it stands. The socket blocks until SetNonBlocking.
Fd ConnectTo(const std::string& address);
void SetNonBlocking(int fd);

// Takes one waiting connection (non-blocking, no delay); not open when none waits.
Fd AcceptOne(int listener);

// Raises the limit of open files to what the system allows.
void RaiseFileLimit();

// Level-triggered readiness; `who` comes back in the events.
class Epoll {
 public:
  Epoll();
  void Add(int fd, uint32_t events, void* who);
  void Change(int fd, uint32_t events, void* who);
  // Waits at most `wait_ns` (negative: for ever); the precision of epoll_wait, a millisecond, is too coarse for open
  // loops.
  int Wait(epoll_event* events, int capacity, int64_t wait_ns);

 private:
  Fd fd_;
};

// Monotonic nanoseconds.
uint64_t NowNs();

}  // namespace ringproxy::bench
