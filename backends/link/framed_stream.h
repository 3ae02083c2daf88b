// backends/link/framed_stream.h – The bytes of a connection to a node: replies are read from it whole, and what a full
// socket does not take is kept and sent later.
//
// Purpose: what a node's link and its check have in common. Knows neither states nor timeouts nor what is said.
// Use, once per readiness: Fill, then Next until it finds no more replies, then Keep. OnWritable: Flush.
// Threads: its loop's. Lifetime: io outlives it; the observer outlives the stream that it was given to.
#pragma once

#include <memory>
#include <string_view>

#include "backends/lane.h"
#include "backends/link/push_observer.h"
#include "backends/link/reply_frame.h"
#include "backends/net/input_buffer.h"
#include "backends/net/loop.h"
#include "backends/net/send_queue.h"
#include "backends/wire/reply_framer.h"
#include "backends/worker_io.h"
#include "conf/config.h"

namespace ringproxy::backends {

class FramedStream {
 public:
  using FrameStatus = wire::ReplyFramer::FrameStatus;

  // `pushes`: who hears of them; nobody, if it is none.
  FramedStream(WorkerIo& io, conf::Protocol protocol, PushObserver* pushes = nullptr);

  // `flavour`: of what will be said and come. Requires: not is_open().
  void Open(const net::Endpoint& endpoint, net::StreamObserver& observer, Flavour flavour = {});
  // Closes the stream and forgets all of its bytes.
  void Drop();
  // Open does so at once, although the stream is not connected yet.
  bool is_open() const { return stream_ != nullptr; }
  // Open, and without its host's address so far.
  bool is_resolving() const { return is_open() && stream_->is_resolving(); }

  // Sends `text`, now or as soon as the socket takes it. kError alone is a failure.
  net::IoResult Say(std::string_view text);
  // Writes the rest of what was said; or a batch of the owner's, once all has been said.
  net::IoResult Flush() { return Flush(said_); }
  net::IoResult Flush(net::SendQueue& batch) {
    const net::IoResult written = batch.Flush(*stream_);
    const bool full = written.status == net::IoStatus::kWouldBlock;
    if (full != is_full_) WatchRoom(full);
    return written;
  }
  bool has_said_all() const { return said_.empty(); }
  // The socket is full; OnWritable will tell when it is not.
  bool is_full() const { return is_full_; }

  net::IoResult Fill() { return input_.Fill(*stream_, io_.read_buffer); }
  // After kReply: reply() is to be taken before the next call. Pushes are handed over here, those that came between the
  // parts of a reply before it: there is no kPush and no kMixed.
  FrameStatus Next() {
    if (is_skipping_) [[unlikely]]
      return NextOfSkipped();
    needed_ = 0;
    if (input_.empty()) return FrameStatus::kNeedMore;
    const FrameStatus status = framer_->Frame(input_.bytes());
    if (status == FrameStatus::kReply) return status;
    if (status == FrameStatus::kPush || status == FrameStatus::kMixed) return NextBehindPushes(status);
    if (status == FrameStatus::kNeedMore) needed_ = framer_->bytes_needed();
    return status;
  }
  // After kNeedMore: nobody is to get the unfinished frame, so it is not kept. Its kReply has no bytes.
  void SkipReply() {
    is_skipping_ = true;
    Skip();
  }
  // After kNeedMore: what is unfinished is known to be a push.
  bool is_push() const { return framer_->is_push(); }
  // There is no memory for the unfinished reply.
  bool lacks_memory() const {
    const size_t have = input_.bytes().size();
    return !is_skipping_ && !io_.memory.HasRoomForReply(have, needed_ > have ? needed_ - have : 0);
  }
  ReplyFrame reply() { return {input_, *framer_}; }
  void Keep() { input_.Keep(needed_); }
  // Something is read that nobody has taken.
  bool has_input() const { return !input_.empty(); }
  size_t input_bytes() const { return input_.bytes().size(); }
  // The least size of the unfinished reply, 0 if there is none.
  size_t bytes_needed() const { return needed_; }

 private:
  void WatchRoom(bool is_full);
  FrameStatus NextOfSkipped();
  FrameStatus NextBehindPushes(FrameStatus status);
  // Takes out the push that Frame has just found; `bytes`: what the observer may know of it.
  void TakePush(std::string_view bytes);
  void Skip();

  WorkerIo& io_;
  PushObserver* pushes_;
  std::unique_ptr<net::Stream> stream_;
  const conf::Protocol protocol_;
  std::unique_ptr<wire::ReplyFramer> framer_;
  net::InputBuffer input_;
  net::SendQueue said_;
  size_t needed_ = 0;
  uint64_t to_skip_ = 0;  // Of what is to come.
  bool is_skipping_ = false;
  bool is_full_ = false;
  bool is_binary_ = false;  // The framer is that of memcached's binary protocol.
};

}  // namespace ringproxy::backends
