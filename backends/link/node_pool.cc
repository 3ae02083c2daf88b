#include "backends/link/node_pool.h"

#include <algorithm>
#include <cassert>

namespace ringproxy::backends {
namespace {

std::unique_ptr<ring::BoundedLoad> NewBound(const ring::Ring& ring, const conf::Pool& pool) {
  if (pool.ring.load_bound.thousandths == 0) return nullptr;
  std::vector<ring::RingNode> nodes;
  for (const conf::Node& node : pool.nodes) nodes.push_back({.name = node.name, .weight = node.weight});
  return std::make_unique<ring::BoundedLoad>(ring, nodes, pool.ring.load_bound.value());
}

std::string_view ProbeRequest(conf::Protocol protocol) {
  return protocol == conf::Protocol::kMemcached ? "version\r\n" : "*1\r\n$4\r\nPING\r\n";
}

}  // namespace

NodePool::NodePool(const Parts& parts, const conf::Pool& pool)
    : parts_(parts), rehashes_(pool.on_down.policy == conf::DownPolicy::kRehash), bound_(NewBound(parts.ring, pool)) {
  nodes_.reserve(pool.nodes.size());
  for (uint32_t i = 0; i < pool.nodes.size(); ++i) {
    NodeStats& stats = parts.stats[parts.first_node + i];
    Node& node = nodes_.emplace_back(Node{.settings = std::make_unique<NodeSettings>(SettingsOf(pool, pool.nodes[i])),
                                          .guard = {},
                                          .connections = {},
                                          .lanes = LaneTable(pool.connections_per_node)});
    const NodeGuard::Parts guard{
        .io = parts.io,
        .settings = *node.settings,
        .verdict = parts.board.verdict(parts.first_node + i),
        .stats = stats,
        .observer = parts.observer,
        .node = parts.first_node + i,
        .bound = bound_.get(),
        .index = i,
        .keeps_percentile = pool.hedging.budget.thousandths > 0,
        .connections = pool.connections_per_node,
    };
    // The nodes stay where they are, also when the pool is moved.
    node.guard = std::make_unique<NodeGuard>(
        guard, [&node] { Probe(node); }, [&node] { HurryConnections(node); });
    for (uint32_t c = 0; c < pool.connections_per_node; ++c) {
      node.connections.push_back(
          std::make_unique<NodeConnection>(parts.io, *node.settings, *node.guard, parts.sink, parts.flush_list, stats));
    }
  }
}

void NodePool::Connect() {
  for (Node& node : nodes_) {
    for (auto& connection : node.connections) connection->Connect();
  }
}

void NodePool::Drain() {
  for (Node& node : nodes_) {
    for (auto& connection : node.connections) connection->Drain();
  }
}

Choice NodePool::Choose(uint64_t hash, Claim claim) {
  const ring::NodeIndex owner = parts_.ring.Pick(hash);
  const Admission at_owner = Admits(owner, claim);
  if (at_owner == Admission::kDown && !rehashes_) return {owner, at_owner};
  if (at_owner != Admission::kDown && nodes_[owner].guard->HasRoom()) return {owner, at_owner};
  // What has no room is better than nobody.
  Choice choice{owner, at_owner};
  parts_.ring.Walk(hash, [&](ring::NodeIndex node) {
    if (node == owner) return false;
    const Admission admission = Admits(node, claim);
    if (admission == Admission::kDown) return false;
    const bool has_room = nodes_[node].guard->HasRoom();
    if (has_room || choice.admission == Admission::kDown) choice = {node, admission};
    return has_room;
  });
  return choice;
}

std::optional<ring::NodeIndex> NodePool::ChooseOther(uint64_t hash, ring::NodeIndex first, Claim claim) {
  std::optional<ring::NodeIndex> other;
  parts_.ring.Walk(hash, [&](ring::NodeIndex node) {
    if (node == first) return false;
    const Admission admission = Admits(node, claim);
    if (admission == Admission::kGranted) other = node;
    return admission != Admission::kDown;
  });
  return other;
}

void NodePool::Refuse(ring::NodeIndex node, Admission why, Ticket ticket) {
  assert(why != Admission::kGranted);
  const bool is_full = why == Admission::kFull;
  const Node& refused = nodes_[node];
  NodeStats& stats = parts_.stats[parts_.first_node + node];
  stats.requests.Add();
  (is_full ? stats.overloads : stats.failures).Add();
  const wire::ErrorCode code = is_full ? wire::ErrorCode::kNodeOverloaded : wire::ErrorCode::kNodeDown;
  parts_.sink.OnFailure(ticket, {code, refused.settings->pool, refused.settings->node, {}});
}

// A connection that is not ready is a probe itself: its handshake.
void NodePool::Probe(const Node& node) {
  for (auto& connection : node.connections) {
    if (connection->state() != NodeConnection::State::kReady) continue;
    return connection->Send(ProbeRequest(node.settings->protocol), Ticket{.kind = Ticket::Kind::kInternal});
  }
}

void NodePool::HurryConnections(const Node& node) {
  for (auto& connection : node.connections) connection->Hurry();
}

void NodePool::Hurry(ring::NodeIndex node) {
  HurryConnections(nodes_[node]);
  nodes_[node].guard->Hurry();
}

void NodePool::Disable(ring::NodeIndex node) {
  for (auto& connection : nodes_[node].connections) connection->Drain();
  nodes_[node].guard->OnClosed();
}

void NodePool::Enable(ring::NodeIndex node) {
  for (auto& connection : nodes_[node].connections) connection->Reopen();
}

std::optional<net::Duration> NodePool::MedianPercentile95() const {
  std::vector<net::Duration> percentiles;
  for (const Node& node : nodes_) {
    if (const auto own = node.guard->Percentile95()) percentiles.push_back(*own);
  }
  if (percentiles.empty()) return std::nullopt;
  const auto middle = percentiles.begin() + static_cast<std::ptrdiff_t>(percentiles.size() / 2);
  std::ranges::nth_element(percentiles, middle);
  return *middle;
}

void NodePool::Tick() {
  for (const Node& node : nodes_) node.guard->OnSecond();
  // Of two nodes neither can be called the odd one.
  if (nodes_.size() < 3) return;
  const auto median = MedianPercentile95();
  if (!median) return;
  for (const Node& node : nodes_) node.guard->OnPoolMedian(*median);
}

}  // namespace ringproxy::backends
