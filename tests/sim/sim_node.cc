#include "tests/sim/sim_node.h"

#include <algorithm>
#include <utility>

#include "backends/wire/resp_encode.h"

namespace ringproxy::sim {

class SimNode::Connection final : public Peer {
 public:
  Connection(SimNode& node, std::shared_ptr<Wire> wire) : node_(node), wire_(std::move(wire)) {}
  // Work that is still scheduled must not find a dead connection.
  ~Connection() override { *alive_ = false; }

  void OnBytes(std::string_view bytes) override {
    input_ += bytes;
    while (parser_.Parse(input_) == wire::RequestParser::Status::kRequest) {
      replies_ += node_.Answer(parser_.request());
      input_.erase(0, parser_.size());
      if (input_.empty()) break;
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
  wire::RequestParser parser_{wire::Limits{}};
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

std::string SimNode::Answer(const wire::Request& request) {
  std::string name(request.name());
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  if (name == "ping") return "+PONG\r\n";
  ++requests_;
  const size_t step = name == "mset" ? 2 : 1;
  const bool many = name == "mset" || name == "mget" || name == "del";
  for (size_t i = 1; i < (many ? request.size() : 2); i += step) foreign_keys_ += owns_(request[i]) ? 0 : 1;
  return AnswerKeyed(name, request);
}

std::string SimNode::AnswerKeyed(std::string_view name, const wire::Request& request) {
  std::string out;
  const auto append_value = [&](std::string_view key) {
    const auto found = data_.find(key);
    found == data_.end() ? wire::AppendNilBulk(&out) : wire::AppendBulk(found->second, &out);
  };
  if (name == "get") {
    append_value(request[1]);
  } else if (name == "set") {
    data_[std::string(request[1])] = request[2];
    out = "+OK\r\n";
  } else if (name == "mset") {
    for (size_t i = 1; i + 1 < request.size(); i += 2) data_[std::string(request[i])] = request[i + 1];
    out = "+OK\r\n";
  } else if (name == "mget") {
    wire::AppendArrayHeader(request.size() - 1, &out);
    for (size_t i = 1; i < request.size(); ++i) append_value(request[i]);
  } else if (name == "del") {
    int64_t gone = 0;
    for (size_t i = 1; i < request.size(); ++i) gone += static_cast<int64_t>(data_.erase(std::string(request[i])));
    wire::AppendInteger(gone, &out);
  } else {
    wire::AppendError("ERR the simulated node does not know this command", &out);
  }
  return out;
}

}  // namespace ringproxy::sim
