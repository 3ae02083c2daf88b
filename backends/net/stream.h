// backends/net/stream.h – A non-blocking byte stream; the seam between the proxy and sockets (or the simulator).
//
// Threads: a stream belongs to the loop that made it and is used on that loop only.
// Ownership: whoever holds the Stream may destroy it at any time, also from within its observer's calls; no call to the
// observer follows. Reads are watched from the start; writes only while WatchWrites(true).
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "backends/net/last_words.h"

namespace ringproxy::net {

enum class IoStatus : uint8_t {
  kOk,          // `bytes` (at least one) were moved.
  kWouldBlock,  // Nothing to move now; readiness will be told.
  kEnd,         // Reads only: the peer will send no more.
  kError,       // The connection is broken; `error` is the errno.
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  size_t bytes = 0;
  int error = 0;
};

class StreamObserver {
 public:
  // An outgoing stream is established (error 0) or has failed (see connect_error.h). Told once, never for an accepted
  // stream.
  virtual void OnConnected(int error) = 0;
  virtual void OnReadable() = 0;
  virtual void OnWritable() = 0;

 protected:
  ~StreamObserver() = default;
};

class Stream {
 public:
  virtual ~Stream() = default;
  // From now on it is told, and nobody else.
  virtual void SetObserver(StreamObserver& observer) = 0;
  virtual IoResult Read(char* buffer, size_t size) = 0;
  virtual IoResult Write(std::span<const iovec> pieces) = 0;
  // The peer reads an end after what was written. Once the stream is destroyed, what the peer goes on sending is read
  // and dropped for a moment: unread bytes would turn the end into a reset, which may overtake what was written.
  virtual void EndWrites() = 0;
  // After EndWrites. See last_words.h.
  virtual LastWords last_words() { return LastWords::kTaken; }
  virtual void WatchReads(bool on) = 0;
  // Some bytes have been taken from the socket already and are still to be read: the kernel tells of none of them.
  // While there are some and reads are watched, OnReadable follows each Read, WatchReads(true) and SetObserver, in a
  // later turn and without a byte arriving. So whoever reads once a readiness, and stops as it likes, reads all.
  virtual bool has_more() const { return false; }
  virtual void WatchWrites(bool on) = 0;
  // It is not connected yet, and waits for its host's address.
  virtual bool is_resolving() const { return false; }
  // The peer has ended its side, or is gone, whatever of what it has sent is still to be read.
  virtual bool has_peer_left() const { return false; }
  // Its number in the process, and where the peer has reached it, as people read it; -1 and empty: it has none.
  virtual int descriptor() const { return -1; }
  virtual std::string local_address() const { return {}; }
};

}  // namespace ringproxy::net
