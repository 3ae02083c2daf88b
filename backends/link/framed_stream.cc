#include "backends/link/framed_stream.h"

#include <cassert>

#include "backends/link/reply_framers.h"

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

void FramedStream::WatchRoom(bool is_full) {
  stream_->WatchWrites(is_full);
  is_full_ = is_full;
}

}  // namespace ringproxy::backends
