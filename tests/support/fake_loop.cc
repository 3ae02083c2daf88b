#include "tests/support/fake_loop.h"

#include <algorithm>
#include <cerrno>

namespace ringproxy::test {

class FakeTimer final : public net::Timer {
 public:
  FakeTimer(FakeLoop& loop, std::function<void()> on_expiry) : loop_(loop), on_expiry_(std::move(on_expiry)) {}
  ~FakeTimer() override { Disarm(); }
  void Arm(net::Duration wait) override {
    Disarm();
    key_ = {loop_.now_ + wait, loop_.next_number_++};
    loop_.timers_[key_] = [this] {
      key_ = {};
      on_expiry_();
    };
  }
  void Disarm() override {
    if (armed()) loop_.timers_.erase(key_);
    key_ = {};
  }
  bool armed() const override { return key_.second != 0; }

 private:
  FakeLoop& loop_;
  std::function<void()> on_expiry_;
  std::pair<net::TimePoint, uint64_t> key_{};
};

namespace {

class FakeStream final : public net::Stream {
 public:
  explicit FakeStream(std::shared_ptr<FakeSocket> socket) : socket_(std::move(socket)) {}
  ~FakeStream() override { socket_->observer = nullptr; }

  void SetObserver(net::StreamObserver& observer) override { socket_->observer = &observer; }
  net::IoResult Read(char* buffer, size_t size) override {
    FakeSocket& s = *socket_;
    if (s.error != 0) return {net::IoStatus::kError, 0, s.error};
    if (s.incoming.empty()) return {s.end_of_stream ? net::IoStatus::kEnd : net::IoStatus::kWouldBlock, 0, 0};
    size = std::min(size, s.incoming.size());
    s.incoming.copy(buffer, size);
    s.incoming.erase(0, size);
    return {net::IoStatus::kOk, size, 0};
  }
  net::IoResult Write(std::span<const iovec> pieces) override {
    FakeSocket& s = *socket_;
    ++s.writes;
    if (s.error != 0) return {net::IoStatus::kError, 0, s.error};
    size_t bytes = 0;
    for (const iovec& piece : pieces) {
      const size_t part = std::min(piece.iov_len, s.room);
      s.written.append(static_cast<const char*>(piece.iov_base), part);
      s.room -= part;
      bytes += part;
    }
    return {bytes == 0 ? net::IoStatus::kWouldBlock : net::IoStatus::kOk, bytes, 0};
  }
  void EndWrites() override { socket_->writes_ended = true; }
  net::LastWords last_words() override { return socket_->last_words; }
  void WatchReads(bool on) override { socket_->watches_reads = on; }
  void WatchWrites(bool on) override { socket_->watches_writes = on; }
  bool is_resolving() const override { return socket_->is_resolving; }
  bool has_peer_left() const override { return socket_->end_of_stream || socket_->error != 0; }

 private:
  std::shared_ptr<FakeSocket> socket_;
};

}  // namespace

std::unique_ptr<net::Timer> FakeLoop::NewTimer(std::function<void()> on_expiry) {
  return std::make_unique<FakeTimer>(*this, std::move(on_expiry));
}

std::unique_ptr<net::Stream> FakeLoop::MakeStream(net::StreamObserver& observer, const net::Endpoint& endpoint) {
  auto socket = std::make_shared<FakeSocket>();
  socket->observer = &observer;
  socket->endpoint = endpoint;
  open_.push_back(sockets_.size());
  sockets_.push_back(socket);
  return std::make_unique<FakeStream>(std::move(socket));
}

std::unique_ptr<net::Stream> FakeLoop::Connect(const net::Endpoint& endpoint, net::StreamObserver& observer) {
  return MakeStream(observer, endpoint);
}

std::unique_ptr<net::Stream> FakeLoop::NewStream(net::StreamObserver& observer) {
  return MakeStream(observer, {});
}

void FakeLoop::VisitOpen(const std::function<void(size_t number, FakeSocket& socket)>& visit) {
  std::erase_if(open_, [this](size_t number) { return sockets_[number]->closed(); });
  for (size_t i = 0; i < open_.size(); ++i) {
    const std::shared_ptr<FakeSocket> socket = sockets_[open_[i]];
    if (!socket->closed()) visit(open_[i], *socket);
  }
}

void FakeLoop::Advance(net::Duration by) {
  const net::TimePoint end = now_ + by;
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    auto timer = timers_.extract(timers_.begin());
    timer.mapped()();
  }
  now_ = end;
}

}  // namespace ringproxy::test
