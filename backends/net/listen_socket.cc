#include "backends/net/listen_socket.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "backends/net/bound_sockets.h"
#include "backends/net/connect_error.h"

namespace ringproxy::net {
namespace {

// Clients accepted in one turn; more wait for the next, so that a storm of them delays nobody's requests.
constexpr int kAcceptsPerTurn = 64;

std::string PeerText(const SocketAddress& peer, const std::string& unix_path) {
  return unix_path.empty() ? HostAndPortText(peer) : unix_path + ":0";  // As Redis shows the clients of a Unix socket.
}

FileId IdOf(const std::string& path) {
  struct stat file {};
  return path.empty() || lstat(path.c_str(), &file) != 0 ? FileId{} : FileId{file.st_dev, file.st_ino};
}

}  // namespace

std::vector<std::unique_ptr<ListenSocket>> ListenSocket::Open(event_base* base, const Endpoint& endpoint,
                                                              const OnAccept& on_accept, const OnTrouble& on_trouble,
                                                              std::string* error) {
  std::vector<std::unique_ptr<ListenSocket>> sockets;
  for (const int fd : BindAndListen(endpoint, error)) {
    sockets.push_back(std::unique_ptr<ListenSocket>(new ListenSocket(base, fd, endpoint, on_accept, on_trouble)));
  }
  return sockets;
}

ListenSocket::ListenSocket(event_base* base, int fd, const Endpoint& endpoint, OnAccept on_accept, OnTrouble on_trouble)
    : base_(base),
      fd_(fd),
      bound_(BoundAddress(fd)),
      unix_path_(endpoint.unix_path),
      file_(IdOf(unix_path_)),
      on_accept_(std::move(on_accept)),
      on_trouble_(std::move(on_trouble)) {
  event_assign(
      &readable_, base_, fd_, EV_READ | EV_PERSIST,
      [](evutil_socket_t, short, void* self) { static_cast<ListenSocket*>(self)->AcceptAll(); }, this);
  event_assign(
      &resume_, base_, -1, 0,
      [](evutil_socket_t, short, void* self) { event_add(&static_cast<ListenSocket*>(self)->readable_, nullptr); },
      this);
  event_add(&readable_, nullptr);
}

ListenSocket::~ListenSocket() {
  event_del(&readable_);
  event_del(&resume_);
  // Before the close, or a successor could find the file dead and take its name in between. One that has it already, as
  // somebody has removed the file, keeps it: the socket holds on to its own, so no other file has its number.
  if (!unix_path_.empty() && IdOf(unix_path_) == file_) unlink(unix_path_.c_str());
  close(fd_);
}

std::string PeerUser(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  passwd entry{};
  // The name may be longer than this buffer, or there may be none: then the number stands for it.
  passwd* found = nullptr;
  char names[1024];
  const bool is_known = getpwuid_r(peer.uid, &entry, names, sizeof names, &found) == 0 && found != nullptr;
  return is_known ? entry.pw_name : std::to_string(peer.uid);
}

void ListenSocket::AcceptAll() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    SocketAddress peer;
    peer.size = sizeof peer.storage;
    const int fd = accept4(fd_, reinterpret_cast<sockaddr*>(&peer.storage), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      // That includes a client who has left already (ECONNABORTED): if others wait, the event comes again.
      if (!IsShortage(error)) return;
      // Descriptors come back as other connections close, and nothing tells of that.
      PauseFor({0, 100'000});
      return on_trouble_(error);
    }
    on_accept_(fd, PeerText(peer, unix_path_));
  }
}

void ListenSocket::PauseFor(const timeval& wait) {
  event_del(&readable_);
  event_add(&resume_, &wait);
}

}  // namespace ringproxy::net
