#include "tests/sim/sim_loop.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ringproxy::sim {

// The proxy's end of a wire.
class SimStream final : public net::Stream {
 public:
  SimStream(SimLoop& loop, std::shared_ptr<Wire> wire)
      : loop_(loop), number_(loop.next_number_++), wire_(std::move(wire)) {
    loop_.streams_[number_] = wire_;
  }
  ~SimStream() override {
    loop_.streams_.erase(number_);
    wire_->observer_ = nullptr;
    if (wire_->broken_) return;
    // What was written still arrives, then the peer sees the end.
    loop_.After(loop_.RandomDelay(net::Duration(300)), [wire = wire_] {
      if (wire->broken_) return;
      wire->broken_ = true;
      if (wire->peer_ == nullptr) return;
      if (!wire->to_peer_.empty()) wire->peer_->OnBytes(std::exchange(wire->to_peer_, {}));
      wire->peer_->OnClosed();
    });
  }

  void SetObserver(net::StreamObserver& observer) override { wire_->observer_ = &observer; }
  net::IoResult Read(char* buffer, size_t size) override {
    if (wire_->broken_) return {net::IoStatus::kError, 0, ECONNRESET};
    if (wire_->to_proxy_.empty()) {
      return {wire_->end_of_stream_ ? net::IoStatus::kEnd : net::IoStatus::kWouldBlock, 0, 0};
    }
    // Sometimes less than there is, as the kernel may.
    const size_t most = wire_->at_once_ ? size : static_cast<size_t>(1 + loop_.Random(3000));
    size = std::min({size, wire_->to_proxy_.size(), most});
    wire_->to_proxy_.copy(buffer, size);
    wire_->to_proxy_.erase(0, size);
    return {net::IoStatus::kOk, size, 0};
  }

  net::IoResult Write(std::span<const iovec> pieces) override {
    if (wire_->broken_) return {net::IoStatus::kError, 0, EPIPE};
    size_t room = Wire::kSocketBytes - std::min(Wire::kSocketBytes, wire_->to_peer_.size());
    if (room > 64 && loop_.Chance(0.1)) room = 1 + loop_.Random(room);
    size_t written = 0;
    for (const iovec& piece : pieces) {
      const size_t part = std::min(room - written, piece.iov_len);
      wire_->to_peer_.append(static_cast<const char*>(piece.iov_base), part);
      written += part;
    }
    wire_->Pump();
    if (written == 0) return {net::IoStatus::kWouldBlock, 0, 0};
    return {net::IoStatus::kOk, written, 0};
  }

  // Here what was written always arrives before the end, which the destructor tells.
  void EndWrites() override {}
  void WatchReads(bool on) override { wire_->watch_reads_ = on; }
  void WatchWrites(bool on) override { wire_->watch_writes_ = on; }

 private:
  SimLoop& loop_;
  uint64_t number_;
  std::shared_ptr<Wire> wire_;
};

namespace {

class SimTimer final : public net::Timer {
 public:
  SimTimer(SimLoop& loop, std::function<void()> on_expiry) : loop_(loop), on_expiry_(std::move(on_expiry)) {}
  ~SimTimer() override { Disarm(); }
  void Arm(net::Duration wait) override {
    Disarm();
    number_ = loop_.After(wait, [this] {
      number_ = 0;
      on_expiry_();
    });
  }
  void Disarm() override {
    if (number_ != 0) loop_.Cancel(std::exchange(number_, 0));
  }
  bool armed() const override { return number_ != 0; }

 private:
  SimLoop& loop_;
  std::function<void()> on_expiry_;
  uint64_t number_ = 0;
};

}  // namespace

void Wire::Send(std::string_view bytes) {
  while (!bytes.empty() && !broken_) {
    const size_t size = std::min<size_t>(bytes.size(), 1 + loop_.Random(loop_.Chance(0.3) ? 4 : 2000));
    const net::TimePoint arrival = std::max(last_arrival_, loop_.now() + loop_.RandomDelay(net::Duration(500)));
    last_arrival_ = arrival;
    loop_.After(arrival - loop_.now(), [self = shared_from_this(), chunk = std::string(bytes.substr(0, size))] {
      if (!self->broken_) self->to_proxy_ += chunk;
    });
    bytes.remove_prefix(size);
  }
}

void Wire::SendAtOnce(std::string_view bytes) {
  at_once_ = true;
  to_proxy_ += bytes;
  if (observer_ != nullptr) observer_->OnReadable();
}

void Wire::FinishSending() {
  loop_.After(last_arrival_ > loop_.now() ? last_arrival_ - loop_.now() : net::Duration(0),
              [self = shared_from_this()] { self->end_of_stream_ = true; });
}

void Wire::Reset() {
  if (broken_) return;
  broken_ = true;
  if (peer_ != nullptr) peer_->OnClosed();
}

void Wire::Pump() {
  if (pumping_ || broken_ || to_peer_.empty() || !peer_reads_) return;
  if (at_once_) return peer_->OnBytes(std::exchange(to_peer_, {}));
  pumping_ = true;
  loop_.After(loop_.RandomDelay(net::Duration(500)), [self = shared_from_this()] {
    self->pumping_ = false;
    if (self->broken_ || !self->peer_reads_ || self->to_peer_.empty()) return;
    const size_t size = 1 + self->loop_.Random(self->to_peer_.size());
    const std::string chunk = self->to_peer_.substr(0, size);
    self->to_peer_.erase(0, size);
    self->peer_->OnBytes(chunk);
    self->Pump();
  });
}

std::unique_ptr<net::Timer> SimLoop::NewTimer(std::function<void()> on_expiry) {
  return std::make_unique<SimTimer>(*this, std::move(on_expiry));
}

uint64_t SimLoop::After(net::Duration wait, std::function<void()> work) {
  const uint64_t number = next_number_++;
  events_[{now_ + wait, number}] = std::move(work);
  event_times_[number] = now_ + wait;
  return number;
}

void SimLoop::Cancel(uint64_t number) {
  const auto time = event_times_.find(number);
  if (time == event_times_.end()) return;
  events_.erase({time->second, number});
  event_times_.erase(time);
}

std::unique_ptr<net::Stream> SimLoop::Connect(uint32_t thread, const net::Endpoint& endpoint,
                                              net::StreamObserver& observer) {
  auto wire = NewWire(nullptr);
  wire->observer_ = &observer;
  wire->connecting_ = true;
  wire->watch_writes_ = false;
  After(RandomDelay(net::Duration(400)), [this, wire, port = endpoint.port, caller = Caller{thread, now_}] {
    if (wire->observer_ == nullptr) return;
    wire->peer_ = accepts_.at(port)(wire, caller);
    wire->connect_error_ = wire->peer_ == nullptr ? ECONNREFUSED : 0;
    wire->watch_writes_ = true;  // Ready: told in the next TellReady.
  });
  return std::make_unique<SimStream>(*this, std::move(wire));
}

std::unique_ptr<net::Stream> SimLoop::AdoptWire(std::shared_ptr<Wire> wire, net::StreamObserver& observer) {
  wire->observer_ = &observer;
  return std::make_unique<SimStream>(*this, std::move(wire));
}

bool SimLoop::RunDue() {
  bool any = false;
  while (!events_.empty() && events_.begin()->first.first <= now_) {
    auto node = events_.extract(events_.begin());
    event_times_.erase(node.key().second);
    node.mapped()();
    any = true;
  }
  return any;
}

bool SimLoop::IsReady(const Wire& wire) {
  if (wire.connecting_) return wire.watch_writes_;
  const bool readable = wire.broken_ || wire.end_of_stream_ || !wire.to_proxy_.empty();
  const bool writable = wire.broken_ || wire.to_peer_.size() < Wire::kSocketBytes;
  return (wire.watch_reads_ && readable) || (wire.watch_writes_ && writable);
}

void SimLoop::Tell(Wire& wire) {
  if (wire.connecting_) {
    wire.connecting_ = wire.watch_writes_ = false;
    return wire.observer_->OnConnected(wire.connect_error_);
  }
  const bool readable = wire.broken_ || wire.end_of_stream_ || !wire.to_proxy_.empty();
  return wire.watch_reads_ && readable ? wire.observer_->OnReadable() : wire.observer_->OnWritable();
}

bool SimLoop::TellReady() {
  ready_.clear();
  for (const auto& [number, wire] : streams_) {
    if (IsReady(*wire)) ready_.push_back(number);
  }
  std::ranges::shuffle(ready_, random_);
  bool any = false;
  for (const uint64_t number : ready_) {
    const auto found = streams_.find(number);
    // What was told before may have closed it, or changed what it waits for.
    if (found == streams_.end() || !IsReady(*found->second)) continue;
    const std::shared_ptr<Wire> wire = found->second;
    Tell(*wire);
    any = true;
  }
  return any;
}

// Of every thread: one of them may be what another waits for.
net::NextTurn SimLoop::EndTurn() {
  net::NextTurn next = net::NextTurn::kMayWait;
  for (const auto& hook : ends_of_turn_) {
    if (hook() == net::NextTurn::kAtOnce) next = net::NextTurn::kAtOnce;
  }
  return next;
}

void SimLoop::RunUntil(net::TimePoint deadline) {
  net::NextTurn next = net::NextTurn::kMayWait;
  for (;;) {
    bool any = RunDue();
    any |= TellReady();
    if (any || next == net::NextTurn::kAtOnce) {
      next = EndTurn();
      continue;
    }
    if (events_.empty() || events_.begin()->first.first > deadline) break;
    now_ = events_.begin()->first.first;
  }
  now_ = std::max(now_, deadline);
}

}  // namespace ringproxy::sim
