#include "backends/link/pool_node.h"

#include <numeric>
#include <utility>

namespace ringproxy::backends {
namespace {

// Both touch no data, and every release of the servers knows them.
std::string_view ProbeRequest(conf::Protocol protocol) {
  return protocol == conf::Protocol::kMemcached ? "version\r\n" : "*1\r\n$4\r\nPING\r\n";
}

}  // namespace

PoolNode::PoolNode(const PoolNodeParts& parts, const conf::Pool& pool, const conf::Node& node,
                   std::shared_ptr<NodeRecord> node_record, ring::BoundedLoad* bound, ring::NodeIndex index)
    : record(std::move(node_record)),
      stats(record->stats(parts.worker)),
      settings(SettingsOf(pool, node)),
      guard(
          {.io = parts.io,
           .settings = settings,
           .verdict = record->verdict(),
           .stats = stats,
           .observer = parts.observer,
           .node = record,
           .bound = bound,
           .index = index,
           .keeps_percentile = pool.hedging.budget.thousandths > 0,
           .connections = pool.connections_per_node},
          [this] { Probe(); }, [this] { HurryConnections(); }),
      lanes(pool.connections_per_node),
      keeps_percentile_(pool.hedging.budget.thousandths > 0) {
  for (uint32_t c = 0; c < pool.connections_per_node; ++c) {
    connections.push_back(
        std::make_unique<NodeConnection>(parts.io, settings, guard, parts.sink, parts.flush_list, stats));
  }
}

bool PoolNode::Fits(const conf::Pool& pool, const conf::Node& node) const {
  // Everything else may change while the connections stay.
  return SameServer(settings, SettingsOf(pool, node)) && connections.size() == pool.connections_per_node;
}

void PoolNode::Adopt(const conf::Pool& pool, const conf::Node& node, ring::BoundedLoad* bound, ring::NodeIndex index) {
  NodeSettings next = SettingsOf(pool, node);
  const bool keeps_percentile = pool.hedging.budget.thousandths > 0;
  const NodeGuard::Changes changes{
      .bound = bound,
      .index = index,
      .keeps_percentile = keeps_percentile,
      .of_breaker = settings.breaker != next.breaker || keeps_percentile_ != keeps_percentile,
      .of_limit = settings.concurrency != next.concurrency,
      .of_connects =
          settings.reconnect.rate != next.reconnect.rate || settings.timeouts.connect != next.timeouts.connect,
  };
  // Guard and connections refer to this member, so what has changed is found out before.
  settings = std::move(next);
  keeps_percentile_ = keeps_percentile;
  guard.Adopt(changes);
  if (bound == nullptr) return;
  // The new bound has counted nothing yet, and will be told of the end of each of these.
  for (size_t i = in_flight(); i > 0; --i) bound->Begin(index);
}

void PoolNode::Retire() {
  // The guard falls silent first, for closing is no news of a node that has left.
  guard.Retire();
  Drain();
}

void PoolNode::Connect() {
  for (auto& connection : connections) {
    if (connection->state() == LinkState::kIdle) connection->Connect();
  }
}

void PoolNode::Drain() {
  for (auto& connection : connections) connection->Drain();
}

void PoolNode::Reopen() {
  for (auto& connection : connections) connection->Reopen();
}

// A connection that is not ready is a probe itself: its handshake.
void PoolNode::Probe() {
  for (auto& connection : connections) {
    if (connection->state() != LinkState::kReady) continue;
    return connection->Send(ProbeRequest(settings.protocol), Ticket{.kind = Ticket::Kind::kInternal});
  }
}

void PoolNode::HurryConnections() {
  for (auto& connection : connections) connection->Hurry();
}

void PoolNode::Hurry() {
  HurryConnections();
  guard.Hurry();
}

bool PoolNode::is_closed() const {
  return std::ranges::all_of(connections,
                             [](const auto& connection) { return connection->state() == LinkState::kClosed; });
}

size_t PoolNode::in_flight() const {
  return std::accumulate(connections.begin(), connections.end(), size_t{0},
                         [](size_t sum, const auto& connection) { return sum + connection->in_flight(); });
}

}  // namespace ringproxy::backends
