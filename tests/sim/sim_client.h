// tests/sim/sim_client.h – A simulated client: pipelines random commands and checks that every reply is its own.
//
// A value always names its key, so a reply that belongs to another request shows.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/wire/resp_reply.h"
#include "tests/sim/sim_loop.h"

namespace ringproxy::sim {

class SimClient final : public Peer {
 public:
  explicit SimClient(SimLoop& loop, uint32_t number) : loop_(loop), number_(number), wire_(loop.NewWire(this)) {}

  std::shared_ptr<Wire> wire() { return wire_; }
  // Sends bursts until `commands` are out, then finishes by one of: half-close, QUIT, or a reset in between.
  void Start(uint32_t commands);

  void OnBytes(std::string_view bytes) override;
  void OnClosed() override { closed_ = true; }

  bool closed() const { return closed_; }
  bool left_early() const { return left_early_; }
  size_t unanswered() const { return expected_.size(); }
  size_t answered() const { return answered_; }
  // What was wrong, empty if nothing.
  const std::string& complaint() const { return complaint_; }

 private:
  // True when `reply` may answer the request.
  using Check = std::function<bool(std::string_view reply)>;
  struct Expected {
    std::string request;
    Check check;
  };

  void Burst();
  void SendRandomCommand(std::string* out);
  void Expect(std::string encoded, Check check, std::string* out);
  std::string RandomKey();

  SimLoop& loop_;
  uint32_t number_;
  std::shared_ptr<Wire> wire_;
  std::deque<Expected> expected_;
  std::string input_;
  wire::RespReplyFramer framer_;
  std::string complaint_;
  uint32_t commands_left_ = 0;
  size_t answered_ = 0;
  bool closed_ = false;
  bool left_early_ = false;
};

}  // namespace ringproxy::sim
