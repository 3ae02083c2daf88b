// backends/net/lingering_sockets.h – Sockets that are closed a moment after the last words were written to them.
//
// Purpose: to bytes that nobody has read the kernel answers a close by a reset, which may overtake those words. So what
// the peer still sends is read and dropped until it closes its side too. A peer that does not gets kLongest and
// kMostBytes, and of more than kMost sockets the oldest is closed: nobody holds descriptors by being slow.
// Threads, ownership: its loop's thread; dies before the loop, and closes all.
#pragma once

#include <event2/event_struct.h>

#include <cstdint>
#include <list>

#include "backends/net/loop.h"

struct event_base;

namespace ringproxy::net {

class LingeringSockets {
 public:
  static constexpr size_t kMost = 16;
  static constexpr Duration kLongest = std::chrono::seconds(2);
  static constexpr uint64_t kMostBytes = 8 << 20;

  explicit LingeringSockets(event_base* base);
  LingeringSockets(const LingeringSockets&) = delete;
  LingeringSockets& operator=(const LingeringSockets&) = delete;
  ~LingeringSockets();

  // Takes over a socket that does not block and whose peer has been told the end.
  void Add(int fd);
  size_t size() const { return sockets_.size(); }

 private:
  struct LingeringSocket {
    LingeringSockets& owner;
    int fd;
    TimePoint end;
    uint64_t dropped_bytes = 0;
    event readable{};
  };
  using Places = std::list<LingeringSocket>;  // Their events need a place that stays. The oldest is the first.

  // Whether more may come from the peer.
  static bool DropSome(LingeringSocket& socket);
  void OnReadable(LingeringSocket& socket);
  void Close(Places::iterator place);
  // Closes those whose time is over, and waits for the next.
  void CloseLate();

  event_base* base_;
  event timer_{};
  Places sockets_;
};

}  // namespace ringproxy::net
