// backends/node_connection.h – One pipelined connection to a node.
//
// Purpose: requests of many clients leave in one write a turn; replies come back in the same order and are matched by
// position. Nothing is ever sent twice: a request whose connection breaks fails.
//
//   kIdle → kConnecting → kHandshaking → kReady → kDraining → kClosed;  failure → kBackoff → kConnecting
//
// While the first attempt after kIdle or kReady is under way requests wait for it, since it usually takes well under a
// millisecond; after a failed attempt they fail at once until a connection is ready.
// An attempt that fails for want of a descriptor, memory or a port says nothing of the node: it is repeated soon, as if
// it were still under way.
// A request that gets no reply in time fails, its late reply is discarded (semantics.md 6), and the connection goes
// on serving everybody else. Only a node that stays silent for kSilentTimeouts timeouts is given up.
// A client's request waits at most timeouts.total, the wait for the connection included; its guard learns what became
// of it. A ticket of Kind::kInternal is the guard's own probe.
// Threads: its worker's. Ownership: its NodePool's; io, settings, guard, sink and stats outlive it.
// Promise: exactly one OnReply, OnLargeReply or OnFailure follows each Send, possibly before Send returns (a failure).
#pragma once

#include <string_view>
#include <vector>

#include "backends/backoff.h"
#include "backends/handshake.h"
#include "backends/net/input_buffer.h"
#include "backends/net/loop.h"
#include "backends/net/ring_queue.h"
#include "backends/net/send_queue.h"
#include "backends/node_guard.h"
#include "backends/node_settings.h"
#include "backends/stats.h"
#include "backends/ticket.h"
#include "backends/wire/reply_framer.h"
#include "backends/worker_io.h"

namespace ringproxy::backends {

class NodeConnection;

// The connections with something to write; flushed once at the end of the turn.
using FlushList = std::vector<NodeConnection*>;

class NodeConnection final : private net::StreamObserver {
 public:
  enum class State : uint8_t { kIdle, kConnecting, kHandshaking, kReady, kDraining, kBackoff, kClosed };

  static constexpr uint32_t kSilentTimeouts = 3;

  NodeConnection(WorkerIo& io, const NodeSettings& settings, NodeGuard& guard, ReplySink& sink, FlushList& flush_list,
                 NodeStats& stats);
  NodeConnection(const NodeConnection&) = delete;
  NodeConnection& operator=(const NodeConnection&) = delete;
  ~NodeConnection();

  // Opens it, now or as soon as the guard allows.
  void Connect();
  // `request` is copied into this turn's batch.
  void Send(std::string_view request, Ticket ticket, wire::Author author = wire::Author::kNode);
  // A large request in a block of its own, moved.
  void Send(net::Block request, Ticket ticket, wire::Author author = wire::Author::kNode);
  // Writes the batch of this turn.
  void Flush();
  // The node is well again: ends the wait before the next attempt.
  void Hurry();
  // No more requests will come: closes when the last reply is in.
  void Drain();
  // Takes Drain back: opens it anew once it is closed.
  void Reopen();

  State state() const { return state_; }
  // Requests are taken: they leave now or as soon as the connection is ready.
  bool accepts() const { return state_ == State::kReady || (Starting() && first_attempt_); }
  // Waiting to be written.
  size_t batch_bytes() const { return output_.size(); }
  size_t in_flight() const { return in_flight_.size(); }

 private:
  struct InFlight {
    Ticket ticket;
    net::TimePoint sent;
    net::TimePoint deadline;
    uint32_t bytes = 0;
    wire::Author author = wire::Author::kNode;  // Of its reply.
    bool timed_out = false;                     // Already failed; its reply will be discarded.
  };

  static bool MayMove(State from, State to);

  void OnConnected(int error) override;
  void OnReadable() override;
  void OnWritable() override { Flush(); }

  bool Starting() const { return state_ == State::kConnecting || state_ == State::kHandshaking; }
  void Enter(State next);
  // Checks state and caps; false when the ticket has been failed. Else the request is entered into the FIFO.
  bool Admit(size_t request_bytes, Ticket ticket, wire::Author author);
  void MarkForFlush();
  // Frames and delivers what was read; false when the connection broke on it.
  bool DeliverReplies();
  bool DeliverOne(size_t reply_bytes);
  void Deliver(const InFlight& entry, size_t reply_bytes);
  // Whether the guard hears of this request's reply, or of its absence: not of what a client's script says or takes.
  static bool IsEvidence(const InFlight& entry) {
    return entry.ticket.kind != Ticket::Kind::kInternal && entry.author == wire::Author::kNode;
  }
  // Whether the clock may judge the node by this request: nothing large kept it waiting.
  bool IsTimed(const InFlight& entry) const { return entry.sent >= large_until_; }
  // node_connection_connect.cc
  void StartAttempt();
  // Nothing but this process kept the attempt from the node: repeats it soon, and requests go on waiting.
  void Postpone(int error);
  bool SendHandshake(const std::string& text);
  bool ContinueHandshake(std::string_view reply);
  void BecomeReady();
  void ArmUntil(net::TimePoint end);
  void OnTimer();
  // Fails what waits too long; arms the timer for the next that may. True when any was failed.
  bool FailLate();
  void CheckDeadlines();
  // The connection is lost: everything in flight fails, a new attempt follows after the back-off.
  void Break(std::string_view reason);
  void CloseForGood();
  void DropStream();
  // `lost_why`: empty when the requests were not written yet, or the connection was to be closed.
  void FailInFlight(std::string_view lost_why);
  InFlight PopFront();
  void Fail(Ticket ticket, wire::ErrorCode code);

  WorkerIo& io_;
  const NodeSettings& settings_;
  NodeGuard& guard_;
  ReplySink& sink_;
  FlushList& flush_list_;
  NodeStats& stats_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<net::Timer> timer_;  // By state: the connect timeout, the FIFO's front, the back-off.
  net::SendQueue output_;
  net::InputBuffer input_;
  std::unique_ptr<wire::ReplyFramer> framer_;
  std::unique_ptr<Handshake> handshake_;
  net::RingQueue<InFlight, 64> in_flight_;
  uint64_t bytes_in_flight_ = 0;
  Backoff backoff_;
  uint32_t silent_timeouts_ = 0;   // Since the last byte came, counted once a timeout.
  net::TimePoint next_silence_{};  // Not counted again before.
  net::TimePoint large_until_{};   // When something large was last under way.
  net::TimePoint ready_since_{};
  net::TimePoint connect_deadline_{};  // Of the attempt under way; without a stream, when the next one begins.
  net::TimePoint armed_until_{};       // While it connects.
  State state_ = State::kIdle;
  bool first_attempt_ = true;
  bool reopens_ = false;      // As soon as it is drained.
  bool marked_ = false;       // Stands in flush_list_.
  bool write_armed_ = false;  // The socket is full; OnWritable will go on.
};

}  // namespace ringproxy::backends
