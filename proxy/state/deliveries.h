// proxy/state/deliveries.h – What was popped for clients, until they have it or surely have not.
//
// Purpose: a client may end its connection between the node's reply and the write of it, or may have ended its side
// before. What it was not written goes back then. What is the last that is written to a client that has ended its side
// leaves together with the end of the stream: a peer that still reads takes both, and one that has closed its socket
// takes neither and answers by a reset, after which the data goes back too. A reset at any other time proves nothing,
// for the client may have read the reply before; so what is in the socket of a client that has not ended its side is
// the client's. What has found neither by kPatience, or is the oldest of more than kMost, is counted as lost.
// Threads: its worker's. Lifetime: what it is given outlives it. Bounds: one reply for each client, and kMost of those
// that have ended; the data counts as any block, and is not kept when memory is short.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

#include "backends/net/earliest_timer.h"
#include "backends/net/stream.h"
#include "backends/worker_io.h"
#include "proxy/state/give_backs.h"

namespace ringproxy::proxy {

class Deliveries {
 public:
  static constexpr size_t kMost = 64;
  static constexpr std::chrono::seconds kPatience{1};
  // Between two looks at a socket.
  static constexpr std::chrono::milliseconds kPause{5};

  Deliveries(GiveBacks& give_backs, backends::WorkerIo& io)
      : give_backs_(give_backs), io_(io), timer_(io.loop, [this] { Look(); }) {}
  ~Deliveries();

  // The reply goes to the client now. Requires: as GiveBacks::Start.
  void Keep(uint32_t client, GiveBacks::PoppedData&& popped);
  // The reply is not written yet, or not wholly.
  bool Has(uint32_t client) const { return !unwritten_.empty() && unwritten_.contains(client); }
  // So many bytes more are in its socket; `all`: nothing is left to write.
  void NoteWritten(uint32_t client, size_t bytes, bool all);
  // The reply was written behind HoldForEnd, nothing follows, and the client has ended its side. Requires: Has.
  void SeeOff(uint32_t client, std::unique_ptr<net::Stream> stream);
  // The client is gone.
  void Leave(uint32_t client);
  // Of no client that is gone is anything awaited.
  bool is_idle() const { return leaving_.empty(); }

 private:
  struct UnwrittenReply {
    GiveBacks::PoppedData popped;
    size_t left;  // Bytes of the reply that are not written, or fewer: what was there before it counts for it.
  };
  struct LastReply {
    GiveBacks::PoppedData popped;
    std::unique_ptr<net::Stream> stream;
    net::TimePoint end;
  };

  // Looks at those that have ended.
  void Look();
  // The first of them is not waited for any longer.
  void GiveUpFirst();
  static void Release(GiveBacks::PoppedData&& popped);

  GiveBacks& give_backs_;
  backends::WorkerIo& io_;
  net::EarliestTimer timer_;
  std::unordered_map<uint32_t, UnwrittenReply> unwritten_;
  std::deque<LastReply> leaving_;  // The one that ends first is the first.
};

}  // namespace ringproxy::proxy
