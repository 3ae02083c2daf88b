#include "backends/net/put_back_stream.h"

#include <algorithm>
#include <utility>

namespace ringproxy::net {

PutBackStream::PutBackStream(Loop& loop, std::unique_ptr<Stream> stream, Block rest)
    : stream_(std::move(stream)), rest_(std::move(rest)), soon_(loop.NewTimer([this] { observer_->OnReadable(); })) {}

void PutBackStream::SetObserver(StreamObserver& observer) {
  observer_ = &observer;
  stream_->SetObserver(observer);
  TellSoon();
}

IoResult PutBackStream::Read(char* buffer, size_t size) {
  if (!rest_) return stream_->Read(buffer, size);
  const size_t bytes = rest_.bytes().copy(buffer, size);
  rest_.Consume(bytes);
  if (rest_.size() == 0) rest_.Release();
  TellSoon();
  return {IoStatus::kOk, bytes, 0};
}

void PutBackStream::WatchReads(bool on) {
  watches_reads_ = on;
  stream_->WatchReads(on);
  TellSoon();
}

void PutBackStream::TellSoon() {
  if (rest_ && watches_reads_) {
    soon_->Arm(Duration(0));
  } else {
    soon_->Disarm();
  }
}

}  // namespace ringproxy::net
