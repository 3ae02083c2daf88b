// tests/sim/sim_probe.h – A client that asks one thing without any delay on the way, to see what the proxy does about
// it at this very moment.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

class SimProbe final : public Peer {
 public:
  explicit SimProbe(SimLoop& loop) : loop_(loop), wire_(loop.NewWire(this)) {}

  std::shared_ptr<Wire> wire() { return wire_; }
  void Ask(const std::string& request) {
    asked_ = loop_.now();
    wire_->SendAtOnce(request);
    wire_->FinishSending();
  }
  const std::string& reply() const { return reply_; }
  // None while nothing has come.
  std::optional<net::Duration> took() const { return took_; }

  void OnBytes(std::string_view bytes) override {
    if (!took_) took_ = loop_.now() - asked_;
    reply_ += bytes;
  }
  void OnClosed() override {}

 private:
  SimLoop& loop_;
  std::shared_ptr<Wire> wire_;
  std::string reply_;
  net::TimePoint asked_{};
  std::optional<net::Duration> took_;
};

}  // namespace ringproxy::sim
