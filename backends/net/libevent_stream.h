// backends/net/libevent_stream.h – A socket as a Stream.
//
// Threads, ownership: see stream.h; owns its socket.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>

#include <memory>
#include <string>

#include "backends/net/address_walk.h"
#include "backends/net/event_home.h"
#include "backends/net/lingering_sockets.h"
#include "backends/net/resolver.h"
#include "backends/net/socket_address.h"

namespace ringproxy::net {

class LibeventStream final : public Stream {
 public:
  // Not connected yet; one of the two functions below follows.
  LibeventStream(const EventHome& home, StreamObserver& observer);
  // Takes over a connected, non-blocking socket and watches its reads.
  // `lingering`: where it goes after EndWrites; it outlives the stream.
  LibeventStream(const EventHome& home, StreamObserver& observer, int fd, LingeringSockets* lingering = nullptr);
  ~LibeventStream() override;

  // False, and nothing done, when the endpoint is a host name that has to be resolved first.
  bool ConnectNow(const Endpoint& endpoint);
  // A name that was resolved before waits a moment for the new answer, and then the last one is used. `loop`: the one
  // that the stream belongs to.
  void ResolveAndConnect(const Endpoint& endpoint, Loop& loop, Resolver& resolver);

  void SetObserver(StreamObserver& observer) override { observer_ = &observer; }
  IoResult Read(char* buffer, size_t size) override;
  IoResult Write(std::span<const iovec> pieces) override;
  void EndWrites() override;
  LastWords last_words() override { return LastWordsOf(fd_); }
  void WatchReads(bool on) override;
  void WatchWrites(bool on) override;
  bool has_peer_left() const override;
  int descriptor() const override { return fd_; }
  std::string local_address() const override { return HostAndPortText(LocalAddressOf(fd_)); }
  bool is_resolving() const override { return naming_ != nullptr && naming_->question != nullptr; }

 private:
  // kUnheard: connected to one of several addresses of a name, and nothing has come so far.
  enum class StreamStage : uint8_t { kOpen, kConnecting, kUnheard };

  // While a host name is resolved and its addresses are tried; of several until the chosen one has answered, too.
  struct Naming {
    Resolver& resolver;
    std::string host;
    std::unique_ptr<NameQuestion> question = {};  // Not answered yet.
    std::shared_ptr<const ResolvedName> last = {};
    uint16_t port = 0;
    TimePoint end{};
    AddressWalk walk = {};
  };

  void OnEvent(short what);
  void OnResolved(const ResolvedName& name);
  // A name may have several addresses, not all of them served.
  void ConnectToNext();
  // `share`: after that it has failed; 0 = its owner watches the time.
  void ConnectTo(const SocketAddress& address, Duration share);
  void FinishConnecting(short what);
  // A server is behind the address that was chosen, or none so far.
  void NoteAnswer(bool answers);
  // Tells the observer of a failure in the next turn: Connect promises not to call it before it returns.
  void FailSoon(int error);
  // An event of no socket's: after `wait`, or at once when it is made active. The socket's own is forgotten.
  void PrepareTimeout();
  // Registers interest in exactly `what`, or in the end of `wait` too if it is not 0; no system call when nothing
  // changes.
  void Watch(short what, Duration wait = Duration(0));

  const EventHome& home_;
  StreamObserver* observer_;
  std::unique_ptr<Naming> naming_;
  LingeringSockets* lingering_ = nullptr;
  int fd_ = -1;
  int connect_error_ = 0;
  Duration keepalive_{0};
  StreamStage stage_ = StreamStage::kOpen;
  bool wrote_last_ = false;
  bool ended_ = false;
  short watched_ = 0;
  event event_{};
};

}  // namespace ringproxy::net
