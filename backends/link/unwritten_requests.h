// backends/link/unwritten_requests.h – The youngest requests of a pipeline: those of which not all bytes have left.
//
// Threads: its pipeline's. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backends/net/loop.h"

namespace ringproxy::backends {

class UnwrittenRequests {
 public:
  // How many there are, counted from the youngest.
  size_t count() const { return count_; }
  // The socket took some bytes then while others waited.
  net::TimePoint moved_at() const { return moved_at_; }

  void Add(size_t bytes) {
    bytes_ += bytes;
    ++count_;
  }
  // The oldest of them, of so many bytes, has left, or nobody waits for it to leave.
  void RemoveOldest(size_t bytes) {
    bytes_ -= bytes;
    --count_;
  }
  // So many requests of so many bytes in all will not leave.
  void Drop(size_t count, size_t bytes) {
    count_ -= count;
    bytes_ -= bytes;
    backlog_ -= std::min(backlog_, bytes);
  }
  // The link is gone, and the bytes that waited for room in its socket.
  void ForgetBacklog() { backlog_ = 0; }

  // The link was written to; `left` bytes wait for room. True, and all have left: as nearly always, none waited before
  // or after.
  bool AllLeft(size_t left) {
    const bool at_once = backlog_ == 0 && left == 0;
    backlog_ = left;
    if (at_once) count_ = bytes_ = 0;
    return at_once;
  }
  void Moved(net::TimePoint now) { moved_at_ = now; }
  // Whether the oldest of them, of so many bytes, has left when `left` bytes of all have not. Requires: count() > 0.
  bool OldestHasLeft(size_t its_bytes, size_t left) const { return bytes_ - its_bytes >= left; }

 private:
  size_t count_ = 0;
  uint64_t bytes_ = 0;  // All of their bytes, also those that have left.
  size_t backlog_ = 0;  // Bytes that the socket did not take when it was last written to.
  net::TimePoint moved_at_{};
};

}  // namespace ringproxy::backends
