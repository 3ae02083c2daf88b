// tests/sim/sim_thread.h – One thread of the proxy on the simulation's loop.
//
// Purpose: a worker, or the control loop with its checkers, has an end of turn of its own, and the nodes can tell whose
// connections they see. Nothing runs in parallel: threads take turns, in an order that the seed decides.
#pragma once

#include <memory>
#include <utility>

#include "backends/net/loop.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

class SimThread final : public net::Loop {
 public:
  SimThread(SimLoop& loop, uint32_t number) : loop_(loop), number_(number) {}

  std::unique_ptr<net::Timer> NewTimer(std::function<void()> on_expiry) override {
    return loop_.NewTimer(std::move(on_expiry));
  }
  std::unique_ptr<net::Stream> Connect(const net::Endpoint& endpoint, net::StreamObserver& observer) override {
    return loop_.Connect(number_, endpoint, observer);
  }
  void Post(std::function<void()> work) override { loop_.After({}, std::move(work)); }
  void SetEndOfTurn(std::function<net::NextTurn()> hook) override { loop_.AddEndOfTurn(std::move(hook)); }
  // A turn takes no simulated time.
  void SetTurnMeter(std::function<void(const net::TurnTimes&)>) override {}

 private:
  net::TimePoint Read() const override { return loop_.now(); }

  SimLoop& loop_;
  uint32_t number_;
};

}  // namespace ringproxy::sim
