#include "proxy/control/health_monitor.h"

#include <algorithm>
#include <utility>

#include "backends/line_limit.h"

namespace ringproxy::proxy {
namespace {

using backends::CircuitBreaker;
using backends::NodeOrder;
using backends::NodeRecord;
using backends::NodeState;
using CheckOutcome = backends::HealthCheck::CheckOutcome;
using backends::TripReason;

std::string_view NameOf(TripReason reason) {
  switch (reason) {
    case TripReason::kNone: return "none";
    case TripReason::kConnection: return "connection";
    case TripReason::kTimeouts: return "timeouts";
    case TripReason::kFailures: return "failures";
    case TripReason::kSlow: return "slow";
    case TripReason::kSlowerThanPool: return "slower_than_pool";
  }
  return "none";
}

// For a log line, where nobody else has found words.
std::string_view Explain(TripReason reason) {
  switch (reason) {
    case TripReason::kTimeouts: return "too many timeouts in a row";
    case TripReason::kFailures: return "too many of its replies are errors or do not come";
    case TripReason::kSlow: return "too many slow replies";
    case TripReason::kSlowerThanPool: return "much slower than the other nodes";
    case TripReason::kNone:
    case TripReason::kConnection: return "";
  }
  return "";
}

constexpr std::string_view kByCheck = "check";

// Until a check that this process could not send is repeated; twice as long at most.
constexpr net::Duration kRepeatWait = std::chrono::milliseconds(100);

// Within so long of the start memcached servers are asked for the first time.
constexpr net::Duration kFirstSizes = std::chrono::milliseconds(100);

bool IsIn(NodeState state) {
  return state == NodeState::kUp || state == NodeState::kTrial;
}

}  // namespace

// One pool as the snapshot has it; its nodes refer to its options.
struct HealthMonitor::MonitoredPool {
  conf::Pool conf;
  backends::Ejection ejection{0, {}, {}};
  bool failing_open = false;  // As it was last said.
  backends::LineLimit lines;
  std::vector<std::unique_ptr<MonitoredNode>> nodes;
};

struct HealthMonitor::MonitoredNode {
  struct Breaker {
    CircuitBreaker::BreakerState state = CircuitBreaker::BreakerState::kClosed;
    bool is_overruled = false;  // A check has found the node well since it left kClosed, and none has failed.
    bool is_closed() const { return state == CircuitBreaker::BreakerState::kClosed; }
  };

  MonitoredNode(HealthMonitor& monitor, MonitoredPool& of, ring::NodeIndex node_index,
                std::shared_ptr<NodeRecord> node_record)
      : record(std::move(node_record)),
        pool(of),
        index(node_index),
        conf(pool.conf),
        settings(backends::SettingsOf(conf, conf.nodes[index])),
        health(conf.health),
        check(monitor.io_, settings, conf.health,
              [this] { return record->Sum(&backends::NodeStats::heavy_in_flight) > 0; }),
        timer(monitor.io_.loop.NewTimer([this, &monitor] { monitor.OnTimer(*this); })),
        view(record->view) {
    // What the workers have told of it while it was not here is not told again.
    for (uint32_t worker = 0; worker < record->workers(); ++worker) {
      breakers.push_back({static_cast<CircuitBreaker::BreakerState>(record->stats(worker).breaker_state.value())});
    }
  }

  bool TakenOutByABreaker() const {
    return std::ranges::any_of(breakers, [](const Breaker& breaker) {
      return breaker.state == CircuitBreaker::BreakerState::kOpen && !breaker.is_overruled;
    });
  }
  bool AllBreakersClosed() const {
    return std::ranges::all_of(breakers, [](const Breaker& breaker) { return breaker.is_closed(); });
  }

  std::shared_ptr<NodeRecord> record;
  MonitoredPool& pool;
  ring::NodeIndex index;
  const conf::Pool& conf;
  backends::NodeSettings settings;
  backends::HealthState health;
  backends::HealthCheck check;
  std::unique_ptr<net::Timer> timer;  // The next check.
  std::vector<Breaker> breakers;      // By worker.
  bool is_silent = false;             // So a worker says, who waits for a check.
  bool is_distrusted = false;         // The workers were told that a check has failed.
  backends::NodeView& view;           // The record's.
  // Each node has its own: one that comes and goes hides no other's news.
  backends::LineLimit lines;
  backends::LineLimit flush_lines;
};

HealthMonitor::HealthMonitor(net::Loop& loop, const Snapshot& snapshot, uint64_t seed, WorkerOrders orders)
    : io_{.loop = loop, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(seed)}, orders_(std::move(orders)) {
  Adopt(snapshot);
}

HealthMonitor::~HealthMonitor() = default;

void HealthMonitor::Start() {
  started_ = true;
  for (auto& pool : pools_) {
    for (auto& node : pool->nodes) Start(*node);
  }
}

// Spread over half an interval, so that a large fleet is not asked in one burst; sooner where the check asks as well
// what a server takes, which clients wait for.
void HealthMonitor::Start(MonitoredNode& node) {
  const bool is_memcached = node.pool.conf.protocol == conf::Protocol::kMemcached;
  net::Duration spread = node.conf.health.interval / 2;
  if (is_memcached) spread = std::min(spread, kFirstSizes);
  if (spread > net::Duration(0)) node.timer->Arm(std::chrono::duration_cast<net::Duration>(spread * Random()));
  if (node.record->needs_flush) Refresh(node, "start", {});
}

void HealthMonitor::Adopt(const Snapshot& snapshot) {
  auto before = std::exchange(pools_, {});
  nodes_.clear();
  for (size_t p = 0; p < snapshot.pools.size(); ++p) {
    const conf::Pool& conf = snapshot.config.pools[p];
    const auto same =
        std::ranges::find_if(before, [&](const auto& pool) { return pool && pool->conf.name == conf.name; });
    pools_.push_back(same != before.end() ? std::move(*same) : std::make_unique<MonitoredPool>());
    AdoptPool(*pools_.back(), conf, snapshot.pools[p].nodes);
  }
}

void HealthMonitor::AdoptPool(MonitoredPool& pool, const conf::Pool& conf,
                              std::span<const std::shared_ptr<NodeRecord>> records) {
  // What turns the checks on or off, or asks something else, makes what they have said so far worthless.
  const bool asks_the_same =
      (pool.conf.health.interval > net::Duration(0)) == (conf.health.interval > net::Duration(0)) &&
      pool.conf.health.maintenance_key == conf.health.maintenance_key;
  auto before = std::exchange(pool.nodes, {});
  std::vector<MonitoredNode*> added;
  pool.conf = conf;
  for (uint32_t n = 0; n < records.size(); ++n) {
    const auto& record = records[n];
    if (!conf.flush_on_return) record->needs_flush = false;
    auto known = std::ranges::find_if(before, [&](const auto& node) { return node && node->record == record; });
    backends::NodeSettings settings = backends::SettingsOf(conf, conf.nodes[n]);
    if (known != before.end() && asks_the_same && SameServer((*known)->settings, settings)) {
      (*known)->settings = std::move(settings);
      (*known)->index = n;
      pool.nodes.push_back(std::move(*known));
    } else {
      pool.nodes.push_back(std::make_unique<MonitoredNode>(*this, pool, n, record));
      Begin(*pool.nodes.back());
      added.push_back(pool.nodes.back().get());
    }
    nodes_[record.get()] = pool.nodes.back().get();
  }
  // Those that leave miss what is written meanwhile.
  for (const auto& node : before) {
    if (node && !nodes_.contains(node->record.get())) node->record->needs_flush = conf.flush_on_return;
  }
  CountTheSick(pool);
  Publish(pool);
  if (!started_) return;
  for (MonitoredNode* node : added) Start(*node);
  // A worker may have opened connections anew.
  for (const auto& node : pool.nodes) {
    if (node->record->order == NodeOrder::kDisable) orders_.disable(node->record);
  }
}

void HealthMonitor::Begin(MonitoredNode& node) {
  NodeState state = StateOf(node);
  const bool has_to_be_emptied = IsIn(state) && node.record->needs_flush;
  if (has_to_be_emptied) state = NodeState::kDown;
  if (state != node.view.state) {
    node.view = {.state = state, .detail = has_to_be_emptied ? "it has to be emptied" : ""};
  }
}

// The longest sick first, as they became so.
void HealthMonitor::CountTheSick(MonitoredPool& pool) {
  pool.ejection = backends::Ejection(pool.nodes.size(), pool.conf.max_ejected, pool.conf.on_down.policy);
  std::vector<const MonitoredNode*> sick;
  for (const auto& node : pool.nodes) {
    if (node->view.state == NodeState::kDown) sick.push_back(node.get());
  }
  std::ranges::stable_sort(sick, {}, [](const MonitoredNode* node) { return node->view.since; });
  for (const MonitoredNode* node : sick) pool.ejection.SetSick(node->index, true);
}

void HealthMonitor::OnTimer(MonitoredNode& node) {
  if (node.conf.health.interval > net::Duration(0)) return Check(node);
  // Nobody checks: only a node that could not be emptied waits for the timer. A check must not judge it, for no other
  // would follow.
  if (IsIn(StateOf(node)) && node.record->needs_flush) Flush(node);
}

void HealthMonitor::Check(MonitoredNode& node) {
  if (node.check.running() || node.record->order == NodeOrder::kDisable) return;
  node.check.Check([this, &node](CheckOutcome outcome, const std::string& why) { OnCheck(node, outcome, why); });
}

void HealthMonitor::CheckSoon(MonitoredNode& node) {
  if (node.conf.health.interval > net::Duration(0)) Check(node);
}

void HealthMonitor::OnCheck(MonitoredNode& node, CheckOutcome outcome, const std::string& why) {
  // No verdict: nobody has asked the node.
  if (outcome == CheckOutcome::kNotAsked)
    return node.timer->Arm(std::chrono::duration_cast<net::Duration>(kRepeatWait * (1 + Random())));
  // From a full node somebody else may have kept the check; the workers' connections show that it is there.
  const bool serves_us = node.record->Sum(&backends::NodeStats::ready_connections) > 0;
  const bool good = outcome == CheckOutcome::kGood || (outcome == CheckOutcome::kFull && serves_us);
  if (outcome == CheckOutcome::kGood) {
    node.record->SetItemSizeMax(node.check.item_size_max());
    node.record->SetRefusesTransactions(node.check.refuses_transactions());
    // A user who may not ask knows as little as before, and a greeting may have said it.
    if (node.check.version().is_known()) node.record->SetVersion(node.check.version());
  }
  const bool was_silent = std::exchange(node.is_silent, false);
  const bool was_down = node.health.state() == backends::HealthState::CheckedState::kDown;
  // A worker's silence and the check's agree, so the node is down without further failures; a check that fails by
  // itself has to be repeated first.
  was_silent&& outcome == CheckOutcome::kNoAnswer ? node.health.OnSilence() : node.health.OnCheck(good);
  if (node.conf.health.interval > net::Duration(0)) node.timer->Arm(node.health.Wait(Random()));
  const bool is_down = node.health.state() == backends::HealthState::CheckedState::kDown;
  TellWorkers(node, good, was_silent || (good && was_down != is_down));
  for (MonitoredNode::Breaker& breaker : node.breakers) breaker.is_overruled = good && !breaker.is_closed();
  Refresh(node, kByCheck, good ? "it answers its checks" : why);
}

// What they wait for or should mind, and no more: most checks find the node as the last one did.
void HealthMonitor::TellWorkers(MonitoredNode& node, bool good, bool is_news) {
  const bool was_distrusted = std::exchange(node.is_distrusted, !good);
  if (good) {
    if (is_news || was_distrusted || !node.AllBreakersClosed()) orders_.hurry(node.record);
  } else if (is_news || !was_distrusted) {
    orders_.distrust(node.record);
  }
}

void HealthMonitor::OnBreaker(uint32_t worker, const backends::BreakerNews& news) {
  const auto known = nodes_.find(news.node.get());
  if (known == nodes_.end()) return;  // It has left meanwhile.
  MonitoredNode& node = *known->second;
  if (news.is_silent) {
    node.is_silent = node.record->order != NodeOrder::kDisable;
    return CheckSoon(node);
  }
  MonitoredNode::Breaker& breaker = node.breakers[worker];
  // A breaker that has closed is done with what a check said: the next time that it opens it is believed again.
  breaker = {news.state, breaker.is_overruled && news.state != CircuitBreaker::BreakerState::kClosed};
  switch (news.state) {
    case CircuitBreaker::BreakerState::kOpen:
      Refresh(node, NameOf(news.reason), news.detail.empty() ? Explain(news.reason) : std::string_view(news.detail));
      break;
    case CircuitBreaker::BreakerState::kHalfOpen: Refresh(node, "probe", "it has answered a probe"); break;
    case CircuitBreaker::BreakerState::kClosed: Refresh(node, "recovered", "its answers are good"); break;
  }
  // Whatever a worker has found out, the checks should soon say the same.
  CheckSoon(node);
}

void HealthMonitor::Order(const NodeRecord& record, NodeOrder order) {
  const auto known = nodes_.find(&record);
  if (known == nodes_.end()) return;
  MonitoredNode& node = *known->second;
  const NodeOrder before = std::exchange(node.record->order, order);
  if (before == order) return;
  if (order == NodeOrder::kDisable) {
    node.check.Stop();
    node.timer->Disarm();
    orders_.disable(node.record);
  }
  if (before == NodeOrder::kDisable) {
    orders_.enable(node.record);
    CheckSoon(node);
  }
  Refresh(node, "operator", "an operator's order");
}

NodeState HealthMonitor::StateOf(const MonitoredNode& node) const {
  // An operator's order stands above whatever checks and breakers have found.
  if (node.record->order == NodeOrder::kDrain) return NodeState::kDrained;
  if (node.record->order == NodeOrder::kDisable) return NodeState::kDisabled;
  const bool failed_checks = node.health.state() == backends::HealthState::CheckedState::kDown;
  if (failed_checks || node.TakenOutByABreaker()) return NodeState::kDown;
  return node.AllBreakersClosed() ? NodeState::kUp : NodeState::kTrial;
}

void HealthMonitor::Refresh(MonitoredNode& node, std::string_view reason, std::string_view detail) {
  const NodeState next = StateOf(node);
  if (next == node.view.state) return;
  if (IsIn(next) && node.record->needs_flush) return Flush(node);
  Enter(node, next, reason, detail);
}

void HealthMonitor::Enter(MonitoredNode& node, NodeState next, std::string_view reason, std::string_view detail) {
  const NodeState from = std::exchange(node.view.state, next);
  node.view.reason = reason;
  node.view.detail = detail;
  node.view.since = std::chrono::system_clock::now();
  ++node.record->transitions[{from, next, node.view.reason}];
  // While it is out other nodes take the writes to its keys, so what it holds becomes outdated (semantics.md 5).
  if (!IsIn(next) && node.conf.flush_on_return) node.record->needs_flush = true;
  const auto level = next == NodeState::kDown ? spdlog::level::warn : spdlog::level::info;
  const std::string what = next == NodeState::kDown ? "down"
                           : next == NodeState::kUp ? "up again"
                                                    : "in state " + std::string(NameOf(next));
  node.lines.Log(io_.loop.now(), level, "node {} of pool {} is {}: {}", node.settings.node, node.settings.pool, what,
                 detail);
  node.pool.ejection.SetSick(node.index, next == NodeState::kDown);
  Publish(node.pool);
}

void HealthMonitor::Publish(MonitoredPool& pool) {
  for (const auto& node : pool.nodes) {
    // The state and not the order: a node that is enabled again stays out until it is empty.
    const NodeState state = node->view.state;
    const bool ordered_out = state == NodeState::kDrained || state == NodeState::kDisabled;
    node->record->Publish(ordered_out ? backends::Verdict::kEjected : pool.ejection.verdict(node->index));
  }
  if (pool.failing_open == pool.ejection.fails_open()) return;
  pool.failing_open = pool.ejection.fails_open();
  if (pool.failing_open) {
    pool.lines.Log(io_.loop.now(), spdlog::level::warn,
                   "more nodes of pool {} are down than max_ejected: all of them are asked", pool.conf.name);
  } else {
    pool.lines.Log(io_.loop.now(), spdlog::level::info,
                   "pool {} has enough nodes again: those that are down are not asked", pool.conf.name);
  }
}

// It stays out until it is empty; a node that cannot be emptied is tried again soon.
void HealthMonitor::Flush(MonitoredNode& node) {
  if (node.check.running()) return;
  node.check.Flush([this, &node](CheckOutcome outcome, const std::string& why) {
    if (outcome == CheckOutcome::kGood) {
      // Its check may have come due meanwhile and found the checker busy.
      const bool is_checked = node.conf.health.interval > net::Duration(0);
      if (is_checked && !node.timer->armed()) node.timer->Arm(node.health.Wait(Random()));
      node.record->needs_flush = !IsIn(StateOf(node));  // It went out again while it was emptied.
      return Refresh(node, "flushed", "it is back, and empty");
    }
    if (outcome == CheckOutcome::kBad || outcome == CheckOutcome::kFull) {
      node.flush_lines.Log(io_.loop.now(), spdlog::level::warn, "node {} of pool {} could not be emptied: {}",
                           node.settings.node, node.settings.pool, why);
    }
    node.timer->Arm(node.conf.health.fast_interval);
  });
}

}  // namespace ringproxy::proxy
