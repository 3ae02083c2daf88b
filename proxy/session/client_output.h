// proxy/session/client_output.h – What is on its way out to one client.
//
// Purpose: holds a little output back while the rest of a pipelined batch is under way, so that it leaves in one write;
// writes it; knows when the socket is full. Threads: its session's. Lifetime: the pool outlives it.
#pragma once

#include "backends/net/send_queue.h"
#include "backends/net/stream.h"

namespace ringproxy::proxy {

class ClientOutput {
 public:
  explicit ClientOutput(net::BlockPool& pool) : queue_(pool) {}

  // Whole replies are appended here, so its end is always between two replies.
  net::SendQueue& queue() { return queue_; }
  bool empty() const { return queue_.empty(); }
  size_t size() const { return queue_.size(); }
  // What waits because the client does not read. The reply that is being written does not count: a client that reads
  // may ask for one of any size.
  size_t unread_bytes() const;

  // Whether it shall wait for the next turn, since more of its batch is under way; asked once a turn.
  bool Hold();
  // Nothing is written before OnWritable.
  bool socket_is_full() const { return socket_is_full_; }
  // Writes what the socket takes, and asks to be told if that is not all.
  net::IoResult Flush(net::Stream& stream);
  void OnWritable(net::Stream& stream);

 private:
  net::SendQueue queue_;
  uint8_t held_turns_ = 0;
  bool socket_is_full_ = false;
};

}  // namespace ringproxy::proxy
