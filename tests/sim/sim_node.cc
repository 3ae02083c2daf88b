#include "tests/sim/sim_node.h"

#include <algorithm>
#include <utility>

namespace ringproxy::sim {

class SimNode::Connection final : public Peer {
 public:
  Connection(SimNode& node, std::shared_ptr<Wire> wire) : node_(node), wire_(std::move(wire)) {}
  // Work that is still scheduled must not find a dead connection.
  ~Connection() override { *alive_ = false; }

  void OnBytes(std::string_view bytes) override {
    input_ += bytes;
    while (!input_.empty()) {
      const size_t used = node_.AnswerFirst(input_, &replies_);
      if (used == 0) break;
      input_.erase(0, used);
    }
    SendSoon();
  }
  void OnClosed() override { closed_ = true; }

  // Everything that is answered by then leaves together: a node never answers out of order.
  void SendSoon() {
    if (node_.stalled_ || closed_ || replies_.empty()) return;
    // Now and then slower than the pool's request timeout.
    const net::Duration most = node_.loop_.Chance(0.01) ? net::Duration(60'000) : net::Duration(800);
    ready_at_ = std::max(ready_at_, node_.loop_.now() + node_.loop_.RandomDelay(most));
    node_.loop_.After(ready_at_ - node_.loop_.now(), [this, alive = alive_] {
      if (*alive && !node_.stalled_ && !closed_) wire_->Send(std::exchange(replies_, {}));
    });
  }
  void Reset() { wire_->Reset(); }
  bool closed() const { return closed_; }

 private:
  SimNode& node_;
  std::shared_ptr<Wire> wire_;
  std::string input_;
  std::string replies_;
  net::TimePoint ready_at_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool closed_ = false;
};

SimNode::SimNode(SimLoop& loop, uint16_t port, std::function<bool(std::string_view)> owns)
    : loop_(loop), owns_(std::move(owns)) {
  loop_.ListenOn(port, [this](std::shared_ptr<Wire> wire) -> Peer* {
    if (!alive_) return nullptr;
    connections_.push_back(std::make_unique<Connection>(*this, std::move(wire)));
    return connections_.back().get();
  });
}

SimNode::~SimNode() = default;

void SimNode::Kill() {
  alive_ = false;
  for (auto& connection : connections_) connection->Reset();
}

void SimNode::Stall(bool on) {
  stalled_ = on;
  for (auto& connection : connections_) connection->SendSoon();
}

void SimNode::ResetOne() {
  const auto open = std::ranges::find_if(connections_, [](const auto& connection) { return !connection->closed(); });
  if (open != connections_.end()) (*open)->Reset();
}

}  // namespace ringproxy::sim
