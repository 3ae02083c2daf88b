#include "tools/ringskew/node_stream.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ringproxy::ringskew {
namespace {

constexpr timeval kPatience{5, 0};
constexpr size_t kChunk = 64 << 10;

std::string Text(int error) {
  // A connect that has taken too long ends with EINPROGRESS, a read or a write with EAGAIN.
  return error == EAGAIN || error == EINPROGRESS ? "no answer in time" : std::strerror(error);
}

// A connected socket, or -1 and errno.
int ConnectTo(int family, const sockaddr* address, socklen_t size) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  // The timeouts hold for connecting too.
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  if (connect(fd, address, size) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

}  // namespace

NodeStream::~NodeStream() {
  if (fd_ >= 0) close(fd_);
}

NodeStream::Problem NodeStream::Connect(const conf::Address& address) {
  if (address.is_unix()) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, address.unix_path.c_str(), sizeof name.sun_path - 1);
    fd_ = ConnectTo(AF_UNIX, reinterpret_cast<const sockaddr*>(&name), sizeof name);
    return fd_ >= 0 ? std::nullopt : Problem(Text(errno));
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
      error != 0) {
    return gai_strerror(error);
  }
  for (const addrinfo* each = found; each != nullptr && fd_ < 0; each = each->ai_next) {
    fd_ = ConnectTo(each->ai_family, each->ai_addr, each->ai_addrlen);
  }
  const int error = errno;
  freeaddrinfo(found);
  return fd_ >= 0 ? std::nullopt : Problem(Text(error));
}

NodeStream::Problem NodeStream::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return Text(errno);
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return std::nullopt;
}

NodeStream::Problem NodeStream::ReadMore() {
  std::array<char, kChunk> chunk;
  ssize_t got = -1;
  do {
    got = recv(fd_, chunk.data(), chunk.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Text(errno);
  if (got == 0) return "it closed the connection";
  buffer_.append(chunk.data(), static_cast<size_t>(got));
  return std::nullopt;
}

void NodeStream::Consume(size_t bytes) {
  start_ += bytes;
  // Erased only now and then, since each erase moves what follows.
  if (start_ < kChunk && start_ < buffer_.size()) return;
  buffer_.erase(0, start_);
  start_ = 0;
}

}  // namespace ringproxy::ringskew
