// backends/net/put_back_stream.h – A stream whose first bytes were read too early, and put back.
//
// Purpose: who reads an accepted stream before its session does so reads beyond what it looks for; the session finds
// the rest in front of what is still to come. Threads, ownership: see stream.h; owns the stream behind it. Lifetime:
// the loop, and the pool of the bytes, outlive it.
#pragma once

#include <memory>
#include <string>

#include "backends/net/block_pool.h"
#include "backends/net/loop.h"

namespace ringproxy::net {

class PutBackStream final : public Stream {
 public:
  // `rest` has bytes. Whoever is to read them has to be named next, by SetObserver.
  PutBackStream(Loop& loop, std::unique_ptr<Stream> stream, Block rest);

  void SetObserver(StreamObserver& observer) override;
  IoResult Read(char* buffer, size_t size) override;
  IoResult Write(std::span<const iovec> pieces) override { return stream_->Write(pieces); }
  void EndWrites() override { stream_->EndWrites(); }
  LastWords last_words() override { return stream_->last_words(); }
  void WatchReads(bool on) override;
  void WatchWrites(bool on) override { stream_->WatchWrites(on); }
  bool has_more() const override { return rest_ || stream_->has_more(); }
  bool has_peer_left() const override { return stream_->has_peer_left(); }
  int descriptor() const override { return stream_->descriptor(); }
  std::string local_address() const override { return stream_->local_address(); }

 private:
  // Of the rest, if there is any and reads are watched.
  void TellSoon();

  std::unique_ptr<Stream> stream_;
  Block rest_;
  StreamObserver* observer_ = nullptr;
  std::unique_ptr<Timer> soon_;
  bool watches_reads_ = true;
};

}  // namespace ringproxy::net
