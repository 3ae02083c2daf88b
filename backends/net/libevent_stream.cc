#include "backends/net/libevent_stream.h"

#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "backends/net/connect_error.h"
#include "backends/net/keepalive.h"

namespace ringproxy::net {
namespace {

IoResult FromErrno() {
  // A call that a signal has interrupted is made again in the next turn, as readiness is told by level.
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoStatus::kWouldBlock, 0, 0};
  return {IoStatus::kError, 0, errno};
}

// The two calls of nearly every request, without the C library's wrappers: those are cancellation points, which cost 70
// instructions a request in a process that has threads, and no thread here is ever cancelled.
ssize_t Receive(int fd, char* buffer, size_t size) {
  return syscall(SYS_recvfrom, fd, buffer, size, 0, nullptr, nullptr);
}
// Without MSG_NOSIGNAL a peer that has left would end the process.
ssize_t SendPiece(int fd, const iovec& piece) {
  return syscall(SYS_sendto, fd, piece.iov_base, piece.iov_len, MSG_NOSIGNAL, nullptr, 0);
}

// Whether what has come first is an answer or the end; nothing: neither has.
std::optional<bool> HasAnswered(int fd) {
  char first = 0;
  const ssize_t got = recv(fd, &first, sizeof first, MSG_PEEK);
  if (got < 0 && FromErrno().status != IoStatus::kError) return std::nullopt;
  // The end of the stream makes it readable too.
  return got > 0;
}

TimePoint Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

timeval TimevalOf(Duration wait) {
  return {wait.count() / 1'000'000, wait.count() % 1'000'000};
}

// EADDRNOTAVAIL of a connect: no local port is free, which passes; or this machine has no address of the other's kind,
// as where IPv6 is off. A datagram takes its port from elsewhere, so only the second happens to it as well.
int WhyNoLocalAddress(const SocketAddress& address) {
  const int fd = socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return EADDRNOTAVAIL;
  const bool has_way = connect(fd, address.get(), address.size) == 0 || !HasNoWay(errno);
  close(fd);
  return has_way ? EADDRNOTAVAIL : ENETUNREACH;
}

// A new answer usually takes a few milliseconds; what is left has to be enough for connecting.
Duration WaitForNews(Duration patience) {
  constexpr Duration kLongest = std::chrono::milliseconds(100);
  return patience > Duration(0) ? std::min(kLongest, patience / 4) : kLongest;
}

}  // namespace

LibeventStream::LibeventStream(const EventHome& home, StreamObserver& observer) : home_(home), observer_(&observer) {}

LibeventStream::LibeventStream(const EventHome& home, StreamObserver& observer, int fd, LingeringSockets* lingering)
    : home_(home), observer_(&observer), lingering_(lingering), fd_(fd) {
  Watch(EV_READ);
}

LibeventStream::~LibeventStream() {
  // Whatever took the connection has not said a word: a forwarder whose server is gone does so.
  if (stage_ == StreamStage::kUnheard) NoteAnswer(false);
  if (event_initialized(&event_)) event_del(&event_);
  if (ended_ && lingering_ != nullptr) {
    lingering_->Add(fd_);
  } else if (fd_ >= 0) {
    close(fd_);
  }
}

bool LibeventStream::ConnectNow(const Endpoint& endpoint) {
  keepalive_ = endpoint.keepalive;
  const SocketAddress address =
      endpoint.unix_path.empty() ? NumericAddress(endpoint.host, endpoint.port) : UnixAddress(endpoint.unix_path);
  if (address.exists()) ConnectTo(address, Duration(0));
  return address.exists();
}

void LibeventStream::ResolveAndConnect(const Endpoint& endpoint, Loop& loop, Resolver& resolver) {
  keepalive_ = endpoint.keepalive;
  stage_ = StreamStage::kConnecting;
  naming_ = std::make_unique<Naming>(Naming{.resolver = resolver, .host = endpoint.host, .port = endpoint.port});
  if (endpoint.patience > Duration(0)) naming_->end = Now() + endpoint.patience;
  naming_->last = resolver.Last(endpoint.host);
  naming_->question = resolver.Ask(loop, endpoint.host, [this](const ResolvedName& name) { OnResolved(name); });
  // There is nothing to fall back on: only the owner's patience ends the wait.
  if (naming_->last == nullptr || naming_->last->addresses.empty()) return;
  PrepareTimeout();
  const timeval wait = TimevalOf(WaitForNews(endpoint.patience));
  event_add(&event_, &wait);
}

void LibeventStream::OnResolved(const ResolvedName& name) {
  naming_->question.reset();
  if (name.addresses.empty()) {
    const int error = name.error;
    naming_.reset();
    return FailSoon(error);
  }
  std::vector<SocketAddress> addresses;
  for (const SocketAddress& address : name.addresses) addresses.push_back(WithPort(address, naming_->port));
  naming_->walk = AddressWalk(std::move(addresses), naming_->end);
  ConnectToNext();
}

void LibeventStream::ConnectToNext() {
  if (event_initialized(&event_)) event_del(&event_);
  // The event goes first, since the number of a closed descriptor may soon be another socket's.
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  watched_ = 0;
  connect_error_ = 0;
  const SocketAddress& address = naming_->walk.Next();
  ConnectTo(address, naming_->walk.Share(Now()));
}

void LibeventStream::ConnectTo(const SocketAddress& address, Duration share) {
  stage_ = StreamStage::kConnecting;
  fd_ = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return FailSoon(errno);
  if (address.family() != AF_UNIX) {
    const int on = 1;
    // What a turn brings leaves in one write already; to wait for acknowledgements would only make it late.
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SetKeepalive(fd_, keepalive_);
  }
  if (connect(fd_, address.get(), address.size) != 0 && errno != EINPROGRESS) {
    return FailSoon(errno == EADDRNOTAVAIL ? WhyNoLocalAddress(address) : errno);
  }
  Watch(EV_WRITE, share);
}

void LibeventStream::PrepareTimeout() {
  if (event_initialized(&event_)) event_del(&event_);
  watched_ = 0;
  event_assign(
      &event_, home_.base, -1, 0,
      [](evutil_socket_t, short what, void* self) { static_cast<LibeventStream*>(self)->OnEvent(what); }, this);
}

void LibeventStream::FailSoon(int error) {
  stage_ = StreamStage::kConnecting;
  connect_error_ = error;
  PrepareTimeout();
  event_active(&event_, EV_TIMEOUT, 0);
}

void LibeventStream::FinishConnecting(short what) {
  // The wait for a new answer is over, so the last one has to do.
  if (is_resolving()) return OnResolved(*std::exchange(naming_->last, nullptr));
  int error = connect_error_;
  // This address has had its share of the time.
  if (error == 0 && (what & EV_WRITE) == 0) error = ETIMEDOUT;
  socklen_t size = sizeof error;
  // A socket that could not be connected becomes writable too.
  if (error == 0) getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0 && naming_ != nullptr) {
    naming_->walk.NoteError(error);
    // What this process lacks it lacks for the other addresses too, and none of them is to blame.
    if (!IsShortage(error)) {
      if (!naming_->walk.at_end()) return ConnectToNext();
      // The last address may be of a family that this machine lacks, and its error would pass for a trouble of our own.
      error = naming_->walk.error();
    }
  }
  const bool has_alternatives = error == 0 && naming_ != nullptr && naming_->walk.has_alternatives();
  stage_ = has_alternatives ? StreamStage::kUnheard : StreamStage::kOpen;
  if (!has_alternatives) naming_.reset();
  if (error == 0) Watch(EV_READ);
  // It may destroy this stream, so nothing follows.
  observer_->OnConnected(error);
}

void LibeventStream::NoteAnswer(bool answers) {
  naming_->resolver.Note(naming_->host, naming_->walk.current(), answers);
  naming_.reset();
  stage_ = StreamStage::kOpen;
}

void LibeventStream::OnEvent(short what) {
  home_.Wake();
  if (stage_ != StreamStage::kOpen) [[unlikely]] {
    if (stage_ == StreamStage::kConnecting) return FinishConnecting(what);
    const std::optional<bool> answers = (what & EV_READ) ? HasAnswered(fd_) : std::nullopt;
    if (answers) NoteAnswer(*answers);
  }
  // One call only, since it may destroy this stream; readiness is by level, so the other comes again next turn. Turn
  // and turn about, since a peer that never stops sending would leave no turn for a write.
  const bool write = (what & EV_WRITE) && !((what & EV_READ) && wrote_last_);
  wrote_last_ = write;
  if (write) return observer_->OnWritable();
  if (what & EV_READ) observer_->OnReadable();
}

void LibeventStream::Watch(short what, Duration wait) {
  if (what == watched_) return;
  // libevent must not assign an event that is still pending.
  if (event_initialized(&event_)) event_del(&event_);
  watched_ = what;
  if (what == 0) return;
  event_assign(
      &event_, home_.base, fd_, static_cast<short>(what | EV_PERSIST),
      [](evutil_socket_t, short ready, void* self) { static_cast<LibeventStream*>(self)->OnEvent(ready); }, this);
  const timeval bound = TimevalOf(wait);
  event_add(&event_, wait > Duration(0) ? &bound : nullptr);
}

void LibeventStream::EndWrites() {
  ended_ = shutdown(fd_, SHUT_WR) == 0;
}

void LibeventStream::WatchReads(bool on) {
  Watch(static_cast<short>((watched_ & ~EV_READ) | (on ? EV_READ : 0)));
}

void LibeventStream::WatchWrites(bool on) {
  Watch(static_cast<short>((watched_ & ~EV_WRITE) | (on ? EV_WRITE : 0)));
}

bool LibeventStream::has_peer_left() const {
  pollfd asked{.fd = fd_, .events = POLLRDHUP, .revents = 0};
  return poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

IoResult LibeventStream::Read(char* buffer, size_t size) {
  const ssize_t got = Receive(fd_, buffer, size);
  if (got > 0) return {IoStatus::kOk, static_cast<size_t>(got), 0};
  if (got == 0) return {IoStatus::kEnd, 0, 0};
  return FromErrno();
}

IoResult LibeventStream::Write(std::span<const iovec> pieces) {
  ssize_t put = 0;
  if (pieces.size() == 1) {
    // Nearly every write has one piece, which goes without a header.
    put = SendPiece(fd_, pieces[0]);
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
