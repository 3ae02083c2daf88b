#include "backends/link/framed_stream.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "backends/link/reply_framers.h"

namespace ringproxy::backends {

FramedStream::FramedStream(WorkerIo& io, conf::Protocol protocol, PushObserver* pushes)
    : io_(io),
      pushes_(pushes),
      protocol_(protocol),
      framer_(NewReplyFramer(protocol)),
      input_(io.blocks),
      said_(io.blocks) {}

void FramedStream::Open(const net::Endpoint& endpoint, net::StreamObserver& observer, Flavour flavour) {
  assert(!is_open());
  if (std::exchange(is_binary_, flavour.is_binary()) != flavour.is_binary())
    framer_ = NewReplyFramer(protocol_, flavour);
  stream_ = io_.loop.Connect(endpoint, observer);
}

void FramedStream::Drop() {
  stream_.reset();
  // Half a reply of this connection must not go on in the next one.
  framer_->Reset();
  input_.Clear();
  said_.Clear();
  needed_ = to_skip_ = 0;
  is_skipping_ = is_full_ = false;
}

net::IoResult FramedStream::Say(std::string_view text) {
  if (text.empty()) return {};
  said_.Append(text);
  return Flush();
}

void FramedStream::Skip() {
  needed_ = 0;
  // What is still to come of the reply may be larger than memory, so it is counted and not kept.
  to_skip_ = framer_->Skip();
  const size_t here = std::min<uint64_t>(to_skip_, input_.bytes().size());
  input_.Consume(here);
  to_skip_ -= here;
}

FramedStream::FrameStatus FramedStream::NextOfSkipped() {
  const size_t here = std::min<uint64_t>(to_skip_, input_.bytes().size());
  input_.Consume(here);
  to_skip_ -= here;
  if (to_skip_ > 0) return FrameStatus::kNeedMore;
  const FrameStatus status = framer_->Frame(input_.bytes());
  // Whatever is here is dropped at once: the end of the reply is found without the reply.
  if (status == FrameStatus::kNeedMore) {
    Skip();
    return status;
  }
  is_skipping_ = false;
  if (status == FrameStatus::kMixed) return FrameStatus::kReply;
  if (status != FrameStatus::kPush) return status;
  TakePush({});
  return Next();
}

FramedStream::FrameStatus FramedStream::NextBehindPushes(FrameStatus status) {
  while (status == FrameStatus::kPush || status == FrameStatus::kMixed) {
    if (status == FrameStatus::kMixed) {
      framer_->MovePushesFirst(input_.writable());
      status = framer_->Frame(input_.bytes());
    }
    TakePush(input_.bytes().substr(0, framer_->size()));
    if (input_.empty()) return FrameStatus::kNeedMore;
    status = framer_->Frame(input_.bytes());
  }
  if (status == FrameStatus::kNeedMore) needed_ = framer_->bytes_needed();
  return status;
}

void FramedStream::TakePush(std::string_view bytes) {
  if (pushes_ != nullptr) pushes_->OnPush(bytes);
  input_.Consume(framer_->size());
}

void FramedStream::WatchRoom(bool is_full) {
  stream_->WatchWrites(is_full);
  is_full_ = is_full;
}

}  // namespace ringproxy::backends
