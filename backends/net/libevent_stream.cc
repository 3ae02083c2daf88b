#include "backends/net/libevent_stream.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backends/net/keepalive.h"

namespace ringproxy::net {
namespace {

IoResult FromErrno() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoStatus::kWouldBlock, 0, 0};
  return {IoStatus::kError, 0, errno};
}

// The socket address of a numeric host or a Unix path; its size, or 0 when `endpoint` has to be resolved.
socklen_t NumericAddress(const Endpoint& endpoint, sockaddr_storage* out) {
  *out = {};
  if (!endpoint.unix_path.empty()) {
    auto* local = reinterpret_cast<sockaddr_un*>(out);
    local->sun_family = AF_UNIX;
    endpoint.unix_path.copy(local->sun_path, sizeof(local->sun_path) - 1);
    return sizeof(*local);
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(out);
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    return sizeof(*v4);
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(out);
  if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    return sizeof(*v6);
  }
  return 0;
}

}  // namespace

LibeventStream::LibeventStream(event_base* base, StreamObserver& observer) : base_(base), observer_(observer) {}

LibeventStream::LibeventStream(event_base* base, StreamObserver& observer, int fd)
    : base_(base), observer_(observer), fd_(fd) {
  Watch(EV_READ);
}

LibeventStream::~LibeventStream() {
  if (resolving_ != nullptr) evdns_getaddrinfo_cancel(resolving_);
  if (event_initialized(&event_)) event_del(&event_);
  if (fd_ >= 0) close(fd_);
  if (found_ != nullptr) evutil_freeaddrinfo(found_);
}

bool LibeventStream::ConnectNow(const Endpoint& endpoint) {
  keepalive_ = endpoint.keepalive;
  sockaddr_storage address;
  const socklen_t size = NumericAddress(endpoint, &address);
  if (size == 0) return false;
  ConnectTo(reinterpret_cast<const sockaddr*>(&address), size);
  return true;
}

void LibeventStream::ResolveAndConnect(const Endpoint& endpoint, evdns_base* dns) {
  if (dns == nullptr) return FailSoon(EHOSTUNREACH);
  evutil_addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  connecting_ = true;
  // evdns may answer from its hosts file before the call returns; then it returns no request to remember.
  resolving_ = evdns_getaddrinfo(
      dns, endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints,
      [](int error, evutil_addrinfo* found, void* arg) {
        if (error == EVUTIL_EAI_CANCEL) return;  // By the destructor: there is no self any more.
        auto* self = static_cast<LibeventStream*>(arg);
        self->resolving_ = nullptr;
        self->OnResolved(error, found);
      },
      this);
}

void LibeventStream::OnResolved(int error, evutil_addrinfo* found) {
  if (error != 0 || found == nullptr) return FailSoon(EHOSTUNREACH);
  found_ = next_ = found;
  ConnectToNext();
}

void LibeventStream::ConnectToNext() {
  if (event_initialized(&event_)) event_del(&event_);
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  watched_ = 0;
  connect_error_ = 0;
  const evutil_addrinfo* address = std::exchange(next_, next_->ai_next);
  ConnectTo(address->ai_addr, static_cast<socklen_t>(address->ai_addrlen));
}

void LibeventStream::ConnectTo(const sockaddr* address, socklen_t size) {
  connecting_ = true;
  fd_ = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return FailSoon(errno);
  if (address->sa_family != AF_UNIX) {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SetKeepalive(fd_, keepalive_);
  }
  if (connect(fd_, address, size) != 0 && errno != EINPROGRESS) return FailSoon(errno);
  Watch(EV_WRITE);
}

void LibeventStream::FailSoon(int error) {
  connecting_ = true;
  connect_error_ = error;
  if (!event_initialized(&event_)) {
    event_assign(
        &event_, base_, -1, 0,
        [](evutil_socket_t, short, void* self) { static_cast<LibeventStream*>(self)->OnEvent(0); }, this);
  }
  event_active(&event_, EV_TIMEOUT, 0);
}

void LibeventStream::FinishConnecting() {
  int error = connect_error_;
  socklen_t size = sizeof error;
  if (error == 0) getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0 && next_ != nullptr) return ConnectToNext();
  connecting_ = false;
  if (error == 0) Watch(EV_READ);
  observer_.OnConnected(error);
}

void LibeventStream::OnEvent(short what) {
  if (connecting_) return FinishConnecting();
  // One call only, since it may destroy this stream; readiness is by level, so the other comes again next turn. Turn
  // and turn about, since a peer that never stops sending would leave no turn for a write.
  const bool write = (what & EV_WRITE) && !((what & EV_READ) && wrote_last_);
  wrote_last_ = write;
  if (write) return observer_.OnWritable();
  if (what & EV_READ) observer_.OnReadable();
}

void LibeventStream::Watch(short what) {
  if (what == watched_) return;
  if (event_initialized(&event_)) event_del(&event_);
  watched_ = what;
  if (what == 0) return;
  event_assign(
      &event_, base_, fd_, static_cast<short>(what | EV_PERSIST),
      [](evutil_socket_t, short ready, void* self) { static_cast<LibeventStream*>(self)->OnEvent(ready); }, this);
  event_add(&event_, nullptr);
}

void LibeventStream::WatchReads(bool on) {
  Watch(static_cast<short>((watched_ & ~EV_READ) | (on ? EV_READ : 0)));
}

void LibeventStream::WatchWrites(bool on) {
  Watch(static_cast<short>((watched_ & ~EV_WRITE) | (on ? EV_WRITE : 0)));
}

IoResult LibeventStream::Read(char* buffer, size_t size) {
  const ssize_t got = recv(fd_, buffer, size, 0);
  if (got > 0) return {IoStatus::kOk, static_cast<size_t>(got), 0};
  if (got == 0) return {IoStatus::kEnd, 0, 0};
  return FromErrno();
}

IoResult LibeventStream::Write(std::span<const iovec> pieces) {
  ssize_t put = 0;
  if (pieces.size() == 1) {
    put = send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
  } else {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    put = sendmsg(fd_, &message, MSG_NOSIGNAL);
  }
  if (put >= 0) return {IoStatus::kOk, static_cast<size_t>(put), 0};
  return FromErrno();
}

}  // namespace ringproxy::net
