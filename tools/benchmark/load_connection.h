// tools/benchmark/load_connection.h – One client connection: sends a cycle of requests, checks and times the replies.
// Purpose: the requests of a connection are consecutive in the request set, so what waits to be sent is a slice of it.
// Threads: one.
// Lifetime: owned by the run; the request set outlives it.
// Promises: requests are sent in the order queued, each reply is checked against its request; a reply that does not
// belong
//   to its request ends the program with status 3, for then nothing that was measured counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/benchmark/reply_check.h"
#include "tools/benchmark/request_set.h"
#include "tools/benchmark/socket.h"

namespace ringproxy::bench {

// Told of each reply as it is complete.
class ReplyListener {
 public:
  virtual ~ReplyListener() = default;
  virtual void OnReply(uint64_t started_ns, uint64_t now_ns, const std::string* error_text) = 0;
};

struct ByteCounts {
  uint64_t in = 0;
  uint64_t out = 0;
};

class LoadConnection {
 public:
  LoadConnection(Fd fd, const RequestSet& set, uint64_t first_request);

  void Register(Epoll& epoll);
  // Adds `count` requests whose latency counts from `started_ns`.
  void Queue(size_t count, uint64_t started_ns);
  // Sends what is queued, as far as the socket takes it. Returns false when the peer is gone.
  bool Write(Epoll& epoll, ByteCounts& bytes);
  // Reads what has come, into `scratch`. Returns false when the peer is gone.
  bool Read(std::vector<char>& scratch, ReplyListener& listener, ByteCounts& bytes);
  void Close() { fd_.Close(); }

  bool open() const { return fd_.open(); }
  uint64_t outstanding() const { return queued_ - replied_; }

 private:
  void TakeReplies(std::string_view bytes, ReplyListener& listener);
  void GrowStarts();
  [[noreturn]] void DieOfWrongReply(std::string_view bytes) const;

  Fd fd_;
  const RequestSet& set_;
  uint64_t first_request_;
  uint64_t queued_ = 0;   // requests, since the beginning
  uint64_t replied_ = 0;  // requests
  uint64_t sent_ = 0;     // bytes of the endless stream
  bool waits_for_room_ = false;
  ReplyCheck check_;
  std::vector<uint64_t> starts_;  // ring of the outstanding requests' start times; its size is a power of two
};

}  // namespace ringproxy::bench
