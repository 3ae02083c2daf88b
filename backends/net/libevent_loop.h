// backends/net/libevent_loop.h – The Loop on libevent, and the adoption of accepted sockets.
//
// Threads: made anywhere, then owned by the thread that calls Run; Post and Stop may be called from any thread.
// Ownership: streams and timers must die before their loop; the resolver outlives it.
#pragma once

#include <memory>

#include "backends/net/event_home.h"
#include "backends/net/lingering_sockets.h"
#include "backends/net/mailbox.h"
#include "backends/net/resolver.h"

namespace ringproxy::net {

class LibeventLoop final : public Loop {
 public:
  explicit LibeventLoop(Resolver& resolver);
  ~LibeventLoop() override;

  std::unique_ptr<Timer> NewTimer(std::function<void()> on_expiry) override;
  std::unique_ptr<Stream> Connect(const Endpoint& endpoint, StreamObserver& observer) override;
  void Post(std::function<void()> work) override { mailbox_->Post(std::move(work)); }
  void SetEndOfTurn(std::function<NextTurn()> hook) override { end_of_turn_ = std::move(hook); }
  void SetTurnMeter(std::function<void(const TurnTimes&)> meter) override { turn_meter_ = std::move(meter); }

  // Takes over a connected, non-blocking socket.
  std::unique_ptr<Stream> Adopt(int fd, StreamObserver& observer);

  // Ends a socket that was never a stream: its peer reads the end now, and it is closed as LingeringSockets says.
  void EndSocket(int fd);

  // Turns until Stop.
  void Run();
  void Stop();

  // For what libevent itself serves on this loop (the admin port, signals).
  event_base* base() { return base_.get(); }

 private:
  TimePoint Read() const override;
  // At the end of a turn that was to wait before it, or not.
  void Measure(NextTurn before, NextTurn after);

  struct FreeBase {
    void operator()(event_base* base) const;
  };
  Resolver& resolver_;
  std::unique_ptr<event_base, FreeBase> base_;
  const EventHome home_;
  std::unique_ptr<LingeringSockets> lingering_;
  std::unique_ptr<Mailbox> mailbox_;
  std::function<NextTurn()> end_of_turn_;
  std::function<void(const TurnTimes&)> turn_meter_;
  TimePoint turn_ended_{};  // The last one.
  bool stopping_ = false;
};

}  // namespace ringproxy::net
