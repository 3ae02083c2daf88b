// proxy/control/health_monitor.h – What the whole process knows of each node, and decides about it.
//
// Purpose: one checker for each node; what it finds, what the workers' breakers report and what an operator orders
// become one state, one log line and one count a change, and a verdict that every worker reads. A node is sick while
// its checks fail or some worker's breaker is open, the latter until a check finds it well: then the breaker is that
// worker's own matter. How many may be out is Ejection's to say. A node that a worker calls silent is checked at once.
//
//   up ⇄ down;  down → trial → up: a breaker lets a few reads through;  any ⇄ drained, disabled: by an operator
//
// Threads: the control loop's; workers post their news to it. Lifetime: all that the constructor is given outlives it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/health/ejection.h"
#include "backends/health/health_state.h"
#include "backends/health/node_board.h"
#include "backends/health/node_guard.h"
#include "backends/link/health_check.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

enum class NodeState : uint8_t { kUp, kTrial, kDown, kDrained, kDisabled };
std::string_view NameOf(NodeState state);

// An operator's word on a node.
enum class NodeOrder : uint8_t { kEnable, kDrain, kDisable };

class HealthMonitor {
 public:
  // What the workers have to do about a node, `node` of pool `pool`: a check went well, or failed; an operator's word.
  struct WorkerOrders {
    std::function<void(uint32_t pool, ring::NodeIndex node)> hurry;
    std::function<void(uint32_t pool, ring::NodeIndex node)> distrust;
    std::function<void(uint32_t pool, ring::NodeIndex node)> disable;
    std::function<void(uint32_t pool, ring::NodeIndex node)> enable;
    // Whether any has something heavy under way there: `node` over all pools.
    std::function<bool(uint32_t node)> is_busy = [](uint32_t) { return false; };
  };
  struct NodeView {
    NodeState state = NodeState::kUp;
    std::string reason;  // One word: a label of metrics.
    std::string detail;  // In the words of the node or the operating system.
    std::chrono::system_clock::time_point since;
  };
  struct Transition {
    uint32_t node;
    NodeState from;
    NodeState to;
    std::string reason;
    auto operator<=>(const Transition&) const = default;
  };

  HealthMonitor(net::Loop& loop, std::shared_ptr<const Snapshot> snapshot, backends::NodeBoard& board, uint32_t workers,
                uint64_t seed, WorkerOrders orders);
  ~HealthMonitor();

  void Start();
  void OnBreaker(uint32_t worker, const backends::BreakerNews& news);
  // `node` over all pools, here and below.
  void Order(uint32_t node, NodeOrder order);

  const NodeView& view(uint32_t node) const;
  backends::Verdict verdict(uint32_t node) const { return board_.verdict(node).load(std::memory_order_relaxed); }
  const std::map<Transition, uint64_t>& transitions() const { return transitions_; }

 private:
  struct Node;

  // What the node is by all that is known, and why.
  NodeState StateOf(const Node& node) const;
  void Refresh(Node& node, std::string_view reason, std::string_view detail);
  void Enter(Node& node, NodeState next, std::string_view reason, std::string_view detail);
  void Publish(uint32_t pool);
  void OnTimer(Node& node);
  void Check(Node& node);
  void CheckSoon(Node& node);
  void TellWorkers(Node& node, bool good, bool is_news);
  void OnCheck(Node& node, backends::HealthCheck::Outcome outcome, const std::string& why);
  void Flush(Node& node);
  double Random() { return std::uniform_real_distribution<double>(0, 1)(io_.random); }

  std::shared_ptr<const Snapshot> snapshot_;
  backends::WorkerIo io_;
  backends::NodeBoard& board_;
  WorkerOrders orders_;
  std::vector<backends::Ejection> ejections_;  // By pool.
  std::vector<bool> failing_open_;             // By pool: as it was last said.
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<Transition, uint64_t> transitions_;
};

}  // namespace ringproxy::proxy
