// backends/net/libevent_stream.h – A socket as a Stream.
//
// Threads, ownership: see stream.h; owns its socket.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/util.h>

#include "backends/net/loop.h"

struct evdns_base;
struct evdns_getaddrinfo_request;

namespace ringproxy::net {

class LibeventStream final : public Stream {
 public:
  // Not connected yet; one of the two functions below follows.
  LibeventStream(event_base* base, StreamObserver& observer);
  // Takes over a connected, non-blocking socket and watches its reads.
  LibeventStream(event_base* base, StreamObserver& observer, int fd);
  ~LibeventStream() override;

  // False, and nothing done, when the endpoint is a host name that has to be resolved first.
  bool ConnectNow(const Endpoint& endpoint);
  void ResolveAndConnect(const Endpoint& endpoint, evdns_base* dns);

  IoResult Read(char* buffer, size_t size) override;
  IoResult Write(std::span<const iovec> pieces) override;
  void WatchReads(bool on) override;
  void WatchWrites(bool on) override;

 private:
  void OnEvent(short what);
  void OnResolved(int error, evutil_addrinfo* found);
  // A name may have several addresses, not all of them served.
  void ConnectToNext();
  void ConnectTo(const sockaddr* address, socklen_t size);
  void FinishConnecting();
  // Tells the observer of a failure in the next turn: Connect promises not to call it before it returns.
  void FailSoon(int error);
  // Registers interest in exactly `what`; no system call when nothing changes.
  void Watch(short what);

  event_base* base_;
  StreamObserver& observer_;
  evdns_getaddrinfo_request* resolving_ = nullptr;
  int fd_ = -1;
  int connect_error_ = 0;
  Duration keepalive_{0};
  evutil_addrinfo* found_ = nullptr;  // Of the host name; owned.
  evutil_addrinfo* next_ = nullptr;   // In found_: to be tried when the attempt under way fails.
  bool connecting_ = false;
  bool wrote_last_ = false;
  short watched_ = 0;
  event event_{};
};

}  // namespace ringproxy::net
