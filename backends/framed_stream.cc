#include "backends/framed_stream.h"

#include <cassert>

#include "backends/reply_framers.h"

namespace ringproxy::backends {

FramedStream::FramedStream(WorkerIo& io, conf::Protocol protocol)
    : io_(io), framer_(NewReplyFramer(protocol)), input_(io.blocks), said_(io.blocks) {}

void FramedStream::Open(const net::Endpoint& endpoint, net::StreamObserver& observer) {
  assert(!is_open());
  stream_ = io_.loop.Connect(endpoint, observer);
}

void FramedStream::Drop() {
  stream_.reset();
  framer_->Reset();
  input_.Clear();
  said_.Clear();
  needed_ = 0;
  is_full_ = false;
}

net::IoResult FramedStream::Say(std::string_view text) {
  if (text.empty()) return {};
  said_.Append(text);
  return Flush();
}

net::IoResult FramedStream::Flush(net::SendQueue& batch) {
  const net::IoResult written = batch.Flush(*stream_);
  if (written.status == net::IoStatus::kError) return written;
  const bool full = written.status == net::IoStatus::kWouldBlock;
  if (full != is_full_) stream_->WatchWrites(full);
  is_full_ = full;
  return written;
}

}  // namespace ringproxy::backends
