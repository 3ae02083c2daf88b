// tools/benchmark/socket.cc – see socket.h.
#include "tools/benchmark/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace ringproxy::bench {
namespace {

// A proxy may open all its connections at once.
constexpr int kBacklog = 4096;

void SetNoDelay(int fd) {
  const int on = 1;
  // Nagle's algorithm would hold small requests back for acknowledgements, and that wait would be measured.
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int ConnectUnix(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  // One byte is left for the zero at its end.
  if (path.size() >= sizeof name.sun_path) Die("the path of the unix socket is too long: " + path);
  std::memcpy(name.sun_path, path.c_str(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) Die("connect to " + path);
  return fd;
}

int ConnectTcp(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in name{};
  name.sin_family = AF_INET;
  if (colon == std::string::npos || inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr) != 1) {
    Die("not an address like 127.0.0.1:6380: " + address);
  }
  name.sin_port = htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) Die("connect to " + address);
  SetNoDelay(fd);
  return fd;
}

}  // namespace

void Fd::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Die(std::string_view what) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(what.size()), what.data(), std::strerror(errno));
  std::exit(2);
}

Fd ListenOnFreePort(uint16_t& port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  auto* const address = reinterpret_cast<sockaddr*>(&name);
  if (bind(fd.get(), address, size) != 0 || listen(fd.get(), kBacklog) != 0) Die("listen on 127.0.0.1");
  if (getsockname(fd.get(), address, &size) != 0) Die("getsockname");
  port = ntohs(name.sin_port);
  return fd;
}

Fd ConnectTo(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) return Fd(ConnectUnix(address.substr(kUnix.size())));
  return Fd(ConnectTcp(address));
}

void SetNonBlocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) Die("fcntl");
}

Fd AcceptOne(int listener) {
  Fd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.open()) {
    SetNoDelay(fd.get());
  } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
    // A peer that has left before it was accepted is not among these faults.
    Die("accept");
  }
  return fd;
}

void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) Die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) Die("setrlimit");
}

Epoll::Epoll() : fd_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!fd_.open()) Die("epoll_create1");
}

void Epoll::Add(int fd, uint32_t events, void* who) {
  epoll_event event{.events = events, .data = {.ptr = who}};
  if (epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
}

void Epoll::Change(int fd, uint32_t events, void* who) {
  epoll_event event{.events = events, .data = {.ptr = who}};
  if (epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) != 0) Die("epoll_ctl");
}

int Epoll::Wait(epoll_event* events, int capacity, int64_t wait_ns) {
  constexpr int64_t kSecond = 1'000'000'000;
  const timespec timeout{.tv_sec = wait_ns / kSecond, .tv_nsec = wait_ns % kSecond};
  const int ready = epoll_pwait2(fd_.get(), events, capacity, wait_ns < 0 ? nullptr : &timeout, nullptr);
  if (ready < 0 && errno != EINTR) Die("epoll_pwait2");
  return ready < 0 ? 0 : ready;
}

uint64_t NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace ringproxy::bench
