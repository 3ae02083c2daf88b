#include "backends/net/lingering_sockets.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace ringproxy::net {
namespace {

// Of one socket in one turn, so that a peer that sends fast delays nobody.
constexpr int kReadsPerTurn = 4;

TimePoint TimeNow() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

}  // namespace

LingeringSockets::LingeringSockets(event_base* base) : base_(base) {
  event_assign(
      &timer_, base_, -1, 0,
      [](evutil_socket_t, short, void* self) { static_cast<LingeringSockets*>(self)->CloseLate(); }, this);
}

LingeringSockets::~LingeringSockets() {
  while (!sockets_.empty()) Close(sockets_.begin());
  event_del(&timer_);
}

void LingeringSockets::Add(int fd) {
  LingeringSocket& socket = sockets_.emplace_back(LingeringSocket{*this, fd, TimeNow() + kLongest});
  event_assign(
      &socket.readable, base_, fd, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* lingering) {
        auto* const self = static_cast<LingeringSocket*>(lingering);
        self->owner.OnReadable(*self);
      },
      &socket);
  // Most have nothing to wait for: the peer was quicker.
  if (!DropSome(socket)) return Close(std::prev(sockets_.end()));
  event_add(&socket.readable, nullptr);
  if (sockets_.size() > kMost) Close(sockets_.begin());
  if (event_pending(&timer_, EV_TIMEOUT, nullptr) == 0) CloseLate();
}

bool LingeringSockets::DropSome(LingeringSocket& socket) {
  char unread[16 << 10];
  for (int reads = 0; reads < kReadsPerTurn; ++reads) {
    const ssize_t got = recv(socket.fd, unread, sizeof unread, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    socket.dropped_bytes += static_cast<uint64_t>(got);
    if (got == 0 || socket.dropped_bytes > kMostBytes) return false;
  }
  return true;
}

void LingeringSockets::OnReadable(LingeringSocket& socket) {
  if (DropSome(socket)) return;
  Close(std::ranges::find(sockets_, socket.fd, &LingeringSocket::fd));
}

void LingeringSockets::Close(Places::iterator place) {
  event_del(&place->readable);
  close(place->fd);
  sockets_.erase(place);
}

void LingeringSockets::CloseLate() {
  const TimePoint now = TimeNow();
  while (!sockets_.empty() && sockets_.front().end <= now) Close(sockets_.begin());
  if (sockets_.empty()) return;
  const Duration wait = sockets_.front().end - now;
  const timeval rest{wait.count() / 1'000'000, wait.count() % 1'000'000};
  event_add(&timer_, &rest);
}

}  // namespace ringproxy::net
