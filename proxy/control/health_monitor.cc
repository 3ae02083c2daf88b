#include "proxy/control/health_monitor.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace ringproxy::proxy {
namespace {

using backends::CircuitBreaker;
using Outcome = backends::HealthCheck::Outcome;
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

bool IsIn(NodeState state) {
  return state == NodeState::kUp || state == NodeState::kTrial;
}

}  // namespace

std::string_view NameOf(NodeState state) {
  switch (state) {
    case NodeState::kUp: return "up";
    case NodeState::kTrial: return "trial";
    case NodeState::kDown: return "down";
    case NodeState::kDrained: return "drained";
    case NodeState::kDisabled: return "disabled";
  }
  return "";
}

struct HealthMonitor::Node {
  struct Breaker {
    CircuitBreaker::State state = CircuitBreaker::State::kClosed;
    bool is_overruled = false;  // A check has found the node well since it left kClosed, and none has failed.
    bool is_closed() const { return state == CircuitBreaker::State::kClosed; }
  };

  Node(HealthMonitor& monitor, uint32_t number, uint32_t pool_index, ring::NodeIndex node_index, uint32_t workers)
      : id(number),
        pool(pool_index),
        index(node_index),
        conf(monitor.snapshot_->config.pools[pool_index]),
        settings(backends::SettingsOf(conf, conf.nodes[node_index])),
        health(conf.health),
        check(monitor.io_, settings, conf.health, [this, &monitor] { return monitor.orders_.is_busy(id); }),
        timer(monitor.io_.loop.NewTimer([this, &monitor] { monitor.OnTimer(*this); })),
        breakers(workers) {
    view.since = std::chrono::system_clock::now();
    view.reason = "start";
  }

  bool TakenOutByABreaker() const {
    return std::ranges::any_of(breakers, [](const Breaker& breaker) {
      return breaker.state == CircuitBreaker::State::kOpen && !breaker.is_overruled;
    });
  }
  bool AllBreakersClosed() const {
    return std::ranges::all_of(breakers, [](const Breaker& breaker) { return breaker.is_closed(); });
  }

  uint32_t id;  // Over all pools.
  uint32_t pool;
  ring::NodeIndex index;
  const conf::Pool& conf;
  backends::NodeSettings settings;
  backends::HealthState health;
  backends::HealthCheck check;
  std::unique_ptr<net::Timer> timer;  // The next check.
  std::vector<Breaker> breakers;      // By worker.
  NodeOrder order = NodeOrder::kEnable;
  bool is_silent = false;      // So a worker says, who waits for a check.
  bool is_distrusted = false;  // The workers were told that a check has failed.
  bool needs_flush = false;    // It was out, and its pool wants it emptied.
  NodeView view;
};

HealthMonitor::HealthMonitor(net::Loop& loop, std::shared_ptr<const Snapshot> snapshot, backends::NodeBoard& board,
                             uint32_t workers, uint64_t seed, WorkerOrders orders)
    : snapshot_(std::move(snapshot)),
      io_{.loop = loop, .blocks = {}, .read_buffer = {}, .random = std::mt19937_64(seed)},
      board_(board),
      orders_(std::move(orders)),
      failing_open_(snapshot_->pools.size()) {
  for (uint32_t p = 0; p < snapshot_->pools.size(); ++p) {
    const conf::Pool& pool = snapshot_->config.pools[p];
    ejections_.emplace_back(pool.nodes.size(), pool.max_ejected, pool.on_down.policy);
    for (uint32_t n = 0; n < pool.nodes.size(); ++n) {
      const auto number = static_cast<uint32_t>(nodes_.size());
      nodes_.push_back(std::make_unique<Node>(*this, number, p, n, workers));
    }
  }
}

HealthMonitor::~HealthMonitor() = default;

const HealthMonitor::NodeView& HealthMonitor::view(uint32_t node) const {
  return nodes_[node]->view;
}

// Spread over one interval, so that a large fleet is not asked in one burst.
void HealthMonitor::Start() {
  for (auto& node : nodes_) {
    const auto interval = static_cast<double>(node->conf.health.interval.count());
    if (interval > 0) node->timer->Arm(net::Duration(static_cast<int64_t>(interval * Random() / 2)));
  }
}

void HealthMonitor::OnTimer(Node& node) {
  if (node.conf.health.interval > net::Duration(0)) return Check(node);
  // Nobody checks: only a node that could not be emptied waits for the timer. A check must not judge it, for no other
  // would follow.
  if (IsIn(StateOf(node)) && node.needs_flush) Flush(node);
}

void HealthMonitor::Check(Node& node) {
  if (node.check.running() || node.order == NodeOrder::kDisable) return;
  node.check.Check([this, &node](Outcome outcome, const std::string& why) { OnCheck(node, outcome, why); });
}

void HealthMonitor::CheckSoon(Node& node) {
  if (node.conf.health.interval > net::Duration(0)) Check(node);
}

void HealthMonitor::OnCheck(Node& node, Outcome outcome, const std::string& why) {
  // No verdict: nobody has asked the node.
  if (outcome == Outcome::kNotAsked)
    return node.timer->Arm(std::chrono::duration_cast<net::Duration>(kRepeatWait * (1 + Random())));
  const bool good = outcome == Outcome::kGood;
  const bool was_silent = std::exchange(node.is_silent, false);
  const bool was_down = node.health.state() == backends::HealthState::State::kDown;
  was_silent&& outcome == Outcome::kNoAnswer ? node.health.OnSilence() : node.health.OnCheck(good);
  if (node.conf.health.interval > net::Duration(0)) node.timer->Arm(node.health.Wait(Random()));
  const bool is_down = node.health.state() == backends::HealthState::State::kDown;
  TellWorkers(node, good, was_silent || (good && was_down != is_down));
  for (Node::Breaker& breaker : node.breakers) breaker.is_overruled = good && !breaker.is_closed();
  Refresh(node, kByCheck, good ? "it answers its checks" : why);
}

// What they wait for or should mind, and no more: most checks find the node as the last one did.
void HealthMonitor::TellWorkers(Node& node, bool good, bool is_news) {
  const bool was_distrusted = std::exchange(node.is_distrusted, !good);
  if (good) {
    if (is_news || was_distrusted || !node.AllBreakersClosed()) orders_.hurry(node.pool, node.index);
  } else if (is_news || !was_distrusted) {
    orders_.distrust(node.pool, node.index);
  }
}

void HealthMonitor::OnBreaker(uint32_t worker, const backends::BreakerNews& news) {
  Node& node = *nodes_[news.node];
  if (news.is_silent) {
    node.is_silent = node.order != NodeOrder::kDisable;
    return CheckSoon(node);
  }
  Node::Breaker& breaker = node.breakers[worker];
  breaker = {news.state, breaker.is_overruled && news.state != CircuitBreaker::State::kClosed};
  switch (news.state) {
    case CircuitBreaker::State::kOpen:
      Refresh(node, NameOf(news.reason), news.detail.empty() ? Explain(news.reason) : std::string_view(news.detail));
      break;
    case CircuitBreaker::State::kHalfOpen: Refresh(node, "probe", "it has answered a probe"); break;
    case CircuitBreaker::State::kClosed: Refresh(node, "recovered", "its answers are good"); break;
  }
  // Whatever a worker has found out, the checks should soon say the same.
  CheckSoon(node);
}

void HealthMonitor::Order(uint32_t number, NodeOrder order) {
  Node& node = *nodes_[number];
  const NodeOrder before = std::exchange(node.order, order);
  if (before == order) return;
  if (order == NodeOrder::kDisable) {
    node.check.Stop();
    node.timer->Disarm();
    orders_.disable(node.pool, node.index);
  }
  if (before == NodeOrder::kDisable) {
    orders_.enable(node.pool, node.index);
    CheckSoon(node);
  }
  Refresh(node, "operator", "an operator's order");
}

NodeState HealthMonitor::StateOf(const Node& node) const {
  if (node.order == NodeOrder::kDrain) return NodeState::kDrained;
  if (node.order == NodeOrder::kDisable) return NodeState::kDisabled;
  const bool failed_checks = node.health.state() == backends::HealthState::State::kDown;
  if (failed_checks || node.TakenOutByABreaker()) return NodeState::kDown;
  return node.AllBreakersClosed() ? NodeState::kUp : NodeState::kTrial;
}

void HealthMonitor::Refresh(Node& node, std::string_view reason, std::string_view detail) {
  const NodeState next = StateOf(node);
  if (next == node.view.state) return;
  if (IsIn(next) && node.needs_flush) return Flush(node);
  Enter(node, next, reason, detail);
}

void HealthMonitor::Enter(Node& node, NodeState next, std::string_view reason, std::string_view detail) {
  const NodeState from = std::exchange(node.view.state, next);
  node.view.reason = reason;
  node.view.detail = detail;
  node.view.since = std::chrono::system_clock::now();
  ++transitions_[{node.id, from, next, node.view.reason}];
  if (!IsIn(next) && node.conf.flush_on_return) node.needs_flush = true;
  if (next == NodeState::kDown) {
    spdlog::warn("node {} of pool {} is down: {}", node.settings.node, node.settings.pool, detail);
  } else if (next == NodeState::kUp) {
    spdlog::info("node {} of pool {} is up again: {}", node.settings.node, node.settings.pool, detail);
  } else {
    spdlog::info("node {} of pool {} is in state {}: {}", node.settings.node, node.settings.pool, NameOf(next), detail);
  }
  ejections_[node.pool].SetSick(node.index, next == NodeState::kDown);
  Publish(node.pool);
}

void HealthMonitor::Publish(uint32_t pool) {
  const backends::Ejection& ejection = ejections_[pool];
  const conf::Pool& conf = snapshot_->config.pools[pool];
  const uint32_t first = snapshot_->pools[pool].first_node;
  for (uint32_t n = 0; n < conf.nodes.size(); ++n) {
    // The state and not the order: a node that is enabled again stays out until it is empty.
    const NodeState state = nodes_[first + n]->view.state;
    const bool ordered_out = state == NodeState::kDrained || state == NodeState::kDisabled;
    board_.Publish(first + n, ordered_out ? backends::Verdict::kEjected : ejection.verdict(n));
  }
  if (failing_open_[pool] == ejection.fails_open()) return;
  failing_open_[pool] = ejection.fails_open();
  if (failing_open_[pool]) {
    spdlog::warn("more nodes of pool {} are down than max_ejected: all of them are asked", conf.name);
  } else {
    spdlog::info("pool {} has enough nodes again: those that are down are not asked", conf.name);
  }
}

// It stays out until it is empty; a node that cannot be emptied is tried again soon.
void HealthMonitor::Flush(Node& node) {
  if (node.check.running()) return;
  node.check.Flush([this, &node](Outcome outcome, const std::string& why) {
    if (outcome == Outcome::kGood) {
      // Its check may have come due meanwhile and found the checker busy.
      const bool is_checked = node.conf.health.interval > net::Duration(0);
      if (is_checked && !node.timer->armed()) node.timer->Arm(node.health.Wait(Random()));
      node.needs_flush = !IsIn(StateOf(node));  // It went out again while it was emptied.
      return Refresh(node, "flushed", "it is back, and empty");
    }
    if (outcome == Outcome::kBad) {
      spdlog::warn("node {} of pool {} could not be emptied: {}", node.settings.node, node.settings.pool, why);
    }
    node.timer->Arm(node.conf.health.fast_interval);
  });
}

}  // namespace ringproxy::proxy
