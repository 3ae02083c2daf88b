// backends/link/node_link.h – A connected, greeted stream to a node.
//
// Purpose: connects, greets, writes one batch a turn, hands whole replies up, and comes back after a failure, later
// each time. Knows no requests: bytes go out, replies come in.
//
//   kIdle → kConnecting → kGreeting → kReady → kDraining → kClosed;  failure → kBackoff → kConnecting
//
// While the first attempt after kIdle or kReady is under way it accepts bytes and keeps them, since that usually takes
// well under a millisecond; after a failed attempt it accepts none until it is ready.
// An attempt that fails for want of a descriptor, memory or a port says nothing of the node: it is repeated soon, as if
// it were still under way.
// A link of another flavour than the plain one is opened because somebody needs it: it accepts bytes also while its
// first attempt waits for the user's leave. When the node refuses the flavour it backs off as after a failure.
// Threads: its worker's. Lifetime: all that it is given outlives it; the flush list is cleared before it dies.
// Promise: nothing is ever sent twice. Between OnReady and OnLost every byte goes to, and every reply comes from, one
// and the same connection.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "backends/lane.h"
#include "backends/link/backoff.h"
#include "backends/link/flushable.h"
#include "backends/link/framed_stream.h"
#include "backends/link/handshake.h"
#include "backends/link/push_observer.h"
#include "backends/net/loop.h"
#include "backends/net/send_queue.h"
#include "backends/node_settings.h"
#include "backends/stats.h"
#include "backends/worker_io.h"

namespace ringproxy::backends {

enum class LinkState : uint8_t { kIdle, kConnecting, kGreeting, kReady, kDraining, kBackoff, kClosed };

class NodeLink final : public Flushable, private net::StreamObserver {
 public:
  class User {
   public:
    // 0: a connection may be opened now, and is. Else how long not.
    virtual net::Duration WaitToConnect() = 0;
    // What was kept is written at the end of this turn. `version`: of the server, if the greeting has told it.
    virtual void OnReady(ServerVersion version) = 0;
    // Bytes came: take all replies by NextReply.
    virtual void OnBytes() = 0;
    // Of what is to be written so many bytes were, and so many wait for room in the socket.
    virtual void OnFlushed(size_t, size_t) {}
    // An attempt came to nothing, or the node keeps no connection for long.
    virtual void OnConnectFailed(std::string_view why) = 0;
    // The node is well and refuses the link's flavour, in these words; none: it has closed the connection. Nothing was
    // written, and what waited is dropped.
    virtual void OnRefused(Flavour flavour, std::string_view why) = 0;
    // No reply comes to anything that was written so far. `why` is empty when that had not left yet, or when the link
    // was closed on purpose.
    virtual void OnLost(std::string_view why) = 0;

   protected:
    ~User() = default;
  };

  // Whether the node is likely to be there for the next attempt; kUnfit: it is, and refuses just the flavour.
  enum class Outlook : uint8_t { kGood, kBad, kUnfit };

  // What the links of one node have in common.
  struct LinkParts {
    WorkerIo& io;
    const NodeSettings& settings;
    FlushList& flush_list;
    NodeStats& stats;
    PushObserver& pushes;
  };

  NodeLink(const LinkParts& parts, User& user, Flavour flavour = {});
  ~NodeLink();

  // From now on it is one of this flavour, as if it had never been open. One that is open stays as it is, and its user
  // says there what makes it so; the connection that takes its place begins so.
  void Become(Flavour flavour);

  // Opens it, now or as soon as the user allows.
  void Connect();
  // Ends the wait before the next attempt.
  void Hurry();
  // Nothing more will be written: closes at once, or stays until Close if replies are still to come.
  void Drain(bool replies_to_come);
  // Takes Drain back: opens it anew once it is closed.
  void Reopen();
  void Close();
  // The connection is of no use any more. One that was ready is replaced at once and accepts bytes, unless `outlook` is
  // bad or it broke as soon as it was ready.
  void Break(std::string_view why, Outlook outlook = Outlook::kGood);

  LinkState state() const { return state_; }
  bool accepts() const {
    return state_ == LinkState::kReady ||
           (first_attempt_ && (state_ == LinkState::kConnecting || state_ == LinkState::kGreeting ||
                               (state_ == LinkState::kBackoff && !flavour_.is_plain())));
  }
  // A string_view is copied into this turn's batch, a Block is moved. Requires: accepts().
  template <typename Bytes>
  [[gnu::always_inline]] void Write(Bytes&& bytes) {
    batch_.Append(std::forward<Bytes>(bytes));
    if (state_ == LinkState::kReady) MarkForFlush();
  }
  // Takes bytes out of the batch that must not leave any more. Requires: offset + bytes <= batch_bytes().
  void TakeBack(size_t offset, size_t bytes) { batch_.Erase(offset, bytes); }
  void Flush() override;
  size_t batch_bytes() const override { return batch_.size(); }

  // Within OnBytes. The reply is to be taken before the next call; none when there is no more, or the link broke.
  std::optional<ReplyFrame> NextReply() {
    const FramedStream::FrameStatus status = stream_.Next();
    if (status == FramedStream::FrameStatus::kReply) return stream_.reply();
    if (status == FramedStream::FrameStatus::kBad) Break("not a reply of its protocol");
    return std::nullopt;
  }
  // What it knows of the reply that has come in part; one for which there is no memory may be skipped.
  FramedStream& stream() { return stream_; }

 private:
  void OnConnected(int error) override;
  void OnReadable() override;
  void OnWritable() override;

  void Enter(LinkState next);
  void StartAttempt();
  void Greet();
  void OnTimer();
  void MarkForFlush() {
    if (marked_ || stream_.is_full()) return;
    marked_ = true;
    parts_.flush_list.push_back(this);
  }

  const LinkParts parts_;
  User& user_;
  Flavour flavour_;
  Flavour next_flavour_;  // As soon as nothing waits for the connection any more that was said in the other.
  FramedStream stream_;
  std::unique_ptr<net::Timer> timer_;     // By state: the end of connecting and greeting together, or of the back-off.
  net::SendQueue batch_;                  // Apart from the greeting, which goes first.
  std::unique_ptr<Handshake> handshake_;  // Of this connection.
  Backoff backoff_;
  net::TimePoint ready_since_{};
  LinkState state_ = LinkState::kIdle;
  bool first_attempt_ = true;
  bool reopens_ = false;  // As soon as it is drained.
  bool marked_ = false;   // Stands in flush_list_.
};

}  // namespace ringproxy::backends
