// backends/link/reply_pipeline.h – The requests under way on one shared link, in the order sent.
//
// Purpose: replies carry no number, so each belongs to the oldest request that is still without one. A request that
// gets none in time fails alone, and keeps its place: its late reply is discarded by position. Knows no sockets: it is
// handed whole replies, and told what was written, what has come, and when what was sent is lost.
// A request's time counts from when its last byte was written. Bytes of something large that flow stop that clock for
// all that waits with it, up to conf::LongestOf; a request that waits for its link has conf::TotalOf.
// Threads: its worker's. Lifetime: all that it is given outlives it. Promise: exactly one OnReply or OnFailure
// follows each Admit and Refuse, possibly before they return (a failure). Nothing is allocated for a request
// once the FIFO has grown to its depth.
#pragma once

#include <functional>
#include <string_view>

#include "backends/link/in_flight.h"
#include "backends/link/node_witness.h"
#include "backends/link/reply_frame.h"
#include "backends/link/unwritten_requests.h"
#include "backends/net/earliest_timer.h"
#include "backends/net/ring_queue.h"
#include "backends/node_settings.h"
#include "backends/stats.h"

namespace ringproxy::backends {

class ReplyPipeline {
 public:
  // `on_deadline`: some request may be late, or all have been for long; FailLate and the two that follow it look.
  ReplyPipeline(net::Loop& loop, const NodeSettings& settings, NodeWitness& witness, ReplySink& sink, NodeStats& stats,
                std::function<void()> on_deadline);
  ~ReplyPipeline();

  // Enters a request; nullptr when there is no room and it has been failed. It is written in this turn, if the link is
  // ready and OnFlushed does not say otherwise.
  InFlight* Admit(size_t request_bytes, Ticket ticket, wire::Asked asked);
  // There is no link that would take it; `words`: those in which the node refuses the link's flavour, if that is why.
  void Refuse(Ticket ticket, std::string_view words = {});
  // The link is ready: what waited for it is written now. Until then, and after FailAll, all that is admitted waits.
  void OnReady();
  // So many bytes were written, and so many of the youngest requests wait for room in the socket.
  void OnFlushed(size_t written, size_t left);
  // Bytes came. `unfinished`: the least size of the reply that is not whole yet, 0 if there is none.
  void OnBytes(size_t unfinished);
  // The reply to the oldest. Returns why nobody may use the link any more, or nullptr: it leaves open whether the node
  // has ended the transaction of that batch, or is of a kind that no reply to that command has, and then it is
  // nobody's. Requires: size() > 0.
  const char* OnReply(const ReplyFrame& reply);

  // Nobody will get the reply to the oldest, which has come in part.
  void FailFront(wire::ErrorCode code);

  // Fails what is late, and sees to it that the next deadline is told. True when any was failed.
  bool FailLate();
  // Forgets the late ones of which nothing is written: their replies never come. `unwritten_bytes`: those of the
  // youngest requests that have not left. Returns which of them shall not leave.
  struct Dropped {
    size_t offset = 0;
    size_t bytes = 0;
  };
  Dropped DropLate(size_t unwritten_bytes);
  // Somebody's deadline is still to come. To be asked right after FailLate.
  bool anyone_waits() const { return anyone_waits_; }
  // Whether nothing has come for several timeouts. `any_late`: what FailLate has just said. Requires: the link is
  // ready.
  bool IsSilentForLong(bool any_late);
  // Has the guard asked about a node from which nothing comes though something waits. After FailLate.
  void LookForSilence();

  // No reply comes any more. `why`: how what was written got lost; empty when it was not, or was to be. `words`: those
  // in which the node refuses the link's flavour, if that is why nothing will be written.
  void FailAll(std::string_view why, std::string_view words = {});

  size_t size() const { return in_flight_.size(); }
  // What the oldest makes the node do, if there is any; to one that blocks it need not reply.
  wire::Work oldest_work() const { return size() > 0 ? in_flight_[0].asked.work : wire::Work::kPlain; }
  // One of them will be that.
  bool HasBlocking() const;
  // Requests that were ever admitted.
  uint64_t sent() const { return gone_ + dropped_ + in_flight_.size(); }
  // Of the first `sent` of them. Late: nobody waits for a reply to the last one any more, as far as that is known, but
  // it is still in flight.
  enum class Standing : uint8_t { kGone, kLate, kWaits };
  Standing StandingOf(uint64_t sent) const;

 private:
  net::TimePoint DeadlineOf(const InFlight& entry, bool is_written) const;
  // The time in which no request can be late that was entered just now.
  net::Duration ShortestWait() const;
  InFlight PopFront();
  // Somebody else's reply has come in this one's place. Returns why.
  [[gnu::noinline]] const char* RefuseReply(const ReplyFrame& reply, const InFlight& entry);
  // `failure`: its code, and what is known of this one; the rest is added.
  void Fail(Ticket ticket, wire::Failure failure, bool is_heavy = false);

  const net::Clock& clock_;
  const NodeSettings& settings_;
  NodeWitness& witness_;
  ReplySink& sink_;
  NodeStats& stats_;
  net::EarliestTimer timer_;  // Armed while anything is in flight.
  net::RingQueue<InFlight, 64> in_flight_;
  uint64_t gone_ = 0;     // Requests that were in in_flight_.
  uint64_t dropped_ = 0;  // Likewise, out of turn: not counted as gone before all are.
  uint64_t bytes_in_flight_ = 0;
  UnwrittenRequests unwritten_;
  net::TimePoint flowed_at_{};  // Bytes of something large came or left.
  bool link_is_ready_ = false;
  bool anyone_waits_ = false;
};

}  // namespace ringproxy::backends
