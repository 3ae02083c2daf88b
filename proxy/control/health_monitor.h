// proxy/control/health_monitor.h – What the whole process knows of each node, and decides about it.
//
// Purpose: one checker for each node of the snapshot; what it finds, what the workers' breakers report and what an
// operator orders become one state, one log line and one count a change, and a verdict that every worker reads: all in
// the node's record. A node is sick while its checks fail or some worker's breaker is open, the latter until a check
// finds it well: then the breaker is that worker's own matter. How many may be out is Ejection's to say. A node that a
// worker calls silent is checked at once.
//
//   up ⇄ down;  down → trial → up: a breaker lets a few reads through;  any ⇄ drained, disabled: by an operator
//
// Threads: the control loop's; workers post their news to it. Lifetime: the loop outlives it; of a snapshot it keeps
// nothing but the nodes' records.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/health/ejection.h"
#include "backends/health/health_state.h"
#include "backends/health/node_breaker.h"
#include "backends/health/node_record.h"
#include "backends/link/health_check.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

class HealthMonitor {
 public:
  // What the workers have to do about a node: a check went well, or failed; an operator's word.
  struct WorkerOrders {
    using Order = std::function<void(const std::shared_ptr<backends::NodeRecord>& node)>;
    Order hurry;
    Order distrust;
    Order disable;
    Order enable;
  };

  HealthMonitor(net::Loop& loop, const Snapshot& snapshot, uint64_t seed, WorkerOrders orders);
  ~HealthMonitor();

  void Start();
  // From now on the nodes of this snapshot are checked, and no others. Those that stay keep their state; those that
  // were disabled are disabled again, so the workers have to hear of the snapshot before.
  void Adopt(const Snapshot& snapshot);
  void OnBreaker(uint32_t worker, const backends::BreakerNews& news);
  void Order(const backends::NodeRecord& node, backends::NodeOrder order);

 private:
  struct MonitoredNode;
  struct MonitoredPool;

  void AdoptPool(MonitoredPool& pool, const conf::Pool& conf,
                 std::span<const std::shared_ptr<backends::NodeRecord>> records);
  // The state of a node that was not checked here before.
  void Begin(MonitoredNode& node);
  void CountTheSick(MonitoredPool& pool);
  void Start(MonitoredNode& node);

  // What the node is by all that is known, and why.
  backends::NodeState StateOf(const MonitoredNode& node) const;
  void Refresh(MonitoredNode& node, std::string_view reason, std::string_view detail);
  void Enter(MonitoredNode& node, backends::NodeState next, std::string_view reason, std::string_view detail);
  void Publish(MonitoredPool& pool);
  void OnTimer(MonitoredNode& node);
  void Check(MonitoredNode& node);
  void CheckSoon(MonitoredNode& node);
  void TellWorkers(MonitoredNode& node, bool good, bool is_news);
  void OnCheck(MonitoredNode& node, backends::HealthCheck::CheckOutcome outcome, const std::string& why);
  void Flush(MonitoredNode& node);
  double Random() { return std::uniform_real_distribution<double>(0, 1)(io_.random); }

  backends::WorkerIo io_;
  WorkerOrders orders_;
  std::vector<std::unique_ptr<MonitoredPool>> pools_;
  std::map<const backends::NodeRecord*, MonitoredNode*> nodes_;  // Of all pools.
  bool started_ = false;
};

}  // namespace ringproxy::proxy
