// tests/support/fake_loop.h – A Loop whose time and streams a test moves by hand.
//
// Ownership: streams given out report to their FakeSocket, which the test keeps through the loop.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/net/loop.h"

namespace ringproxy::test {

// The far end of one stream, as the test sees it.
struct FakeSocket {
  net::StreamObserver* observer = nullptr;  // nullptr once the proxy closed its end.
  net::Endpoint endpoint;
  std::string incoming;    // What Read will give.
  std::string written;     // What was written.
  size_t writes = 0;       // Calls of Write.
  size_t room = SIZE_MAX;  // Bytes that Write still takes.
  bool end_of_stream = false;
  bool writes_ended = false;                           // The test reads an end after what was written.
  net::LastWords last_words = net::LastWords::kTaken;  // What has become of that.
  int error = 0;
  bool watches_reads = true;
  bool watches_writes = false;
  bool is_resolving = false;  // Its host's name.

  bool closed() const { return observer == nullptr; }
  // Bytes arrive and readiness is told, until all are read or the proxy stops reading.
  void Receive(const std::string& bytes) {
    incoming += bytes;
    while (observer != nullptr && watches_reads && !incoming.empty()) observer->OnReadable();
  }
  void ReceiveEnd() {
    end_of_stream = true;
    if (observer != nullptr && watches_reads) observer->OnReadable();
  }
  std::string TakeWritten() { return std::exchange(written, {}); }
};

class FakeLoop final : public net::Loop {
 public:
  std::unique_ptr<net::Timer> NewTimer(std::function<void()> on_expiry) override;
  std::unique_ptr<net::Stream> Connect(const net::Endpoint& endpoint, net::StreamObserver& observer) override;
  void Post(std::function<void()> work) override { work(); }
  void SetEndOfTurn(std::function<net::NextTurn()> hook) override { end_of_turn_ = std::move(hook); }
  void SetTurnMeter(std::function<void(const net::TurnTimes&)> meter) override { turn_meter_ = std::move(meter); }

  // A stream that is connected already.
  std::unique_ptr<net::Stream> NewStream(net::StreamObserver& observer);

  // Moves time and fires what is due, in order.
  void Advance(net::Duration by);
  // What the meter is told of a turn.
  void Measure(const net::TurnTimes& turn) { turn_meter_(turn); }
  net::NextTurn EndTurn() { return end_of_turn_ ? end_of_turn_() : net::NextTurn::kMayWait; }

  // Every stream so far, in order of creation.
  FakeSocket& socket(size_t i) { return *sockets_.at(i); }
  FakeSocket& last_socket() { return *sockets_.back(); }
  size_t sockets() const { return sockets_.size(); }
  // Those that are open, those that the visits open included. A long test has had thousands.
  void VisitOpen(const std::function<void(size_t number, FakeSocket& socket)>& visit);

 private:
  friend class FakeTimer;
  net::TimePoint Read() const override { return now_; }
  std::unique_ptr<net::Stream> MakeStream(net::StreamObserver& observer, const net::Endpoint& endpoint);

  net::TimePoint now_{};
  uint64_t next_number_ = 1;
  std::map<std::pair<net::TimePoint, uint64_t>, std::function<void()>> timers_;
  std::vector<std::shared_ptr<FakeSocket>> sockets_;
  std::vector<size_t> open_;  // Numbers of sockets, in order; some may have closed.
  std::function<net::NextTurn()> end_of_turn_;
  std::function<void(const net::TurnTimes&)> turn_meter_;
};

}  // namespace ringproxy::test
