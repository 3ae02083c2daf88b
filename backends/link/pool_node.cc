#include "backends/link/pool_node.h"

#include <string>
#include <utility>

#include "backends/wire/memcache_binary.h"

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
      turns(parts.io.loop, stats),
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
           .connections = pool.connections_per_node,
           .turns = &turns},
          [this] { Probe(); }, [this] { OnLinkReady(); }),
      pushes(stats),
      plain({parts.io, settings, parts.flush_list, stats, pushes}, guard, parts.sink, pool.connections_per_node),
      flavours({parts.io, settings, parts.flush_list, stats, pushes}, guard, parts.sink, pool.connections_per_node),
      control({parts.io, settings, parts.flush_list, stats, pushes}, guard, parts.sink),
      pinned({parts.io, settings, parts.flush_list, stats, pushes}, guard, parts.sink, control, turns),
      subscriptions({parts.io, settings, parts.flush_list, stats, pushes}, guard, SubscriptionLink::Use::kShared),
      clock_(parts.io.loop),
      keeps_percentile_(pool.hedging.budget.thousandths > 0) {}

bool PoolNode::Fits(const conf::Pool& pool, const conf::Node& node) const {
  // Everything else may change while the connections stay.
  return SameServer(settings, SettingsOf(pool, node)) && plain.connections().size() == pool.connections_per_node;
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
  // Guard and links refer to this member, so what has changed is found out before.
  settings = std::move(next);
  keeps_percentile_ = keeps_percentile;
  guard.Adopt(changes);
}

void PoolNode::Retire() {
  // The guard falls silent first, for closing is no news of a node that has left.
  guard.Retire();
  // Who is subscribed there hears of the node's leaving from the configuration, and it is no loss.
  subscriptions.Leave();
  pinned.LeaveSubscriptions();
  Drain();
}

void PoolNode::Drain() {
  // First those that would be opened anew by whoever hears of a failure.
  pinned.Drain();
  flavours.Drain();
  control.Drain();
  subscriptions.Drain();
  plain.Drain();
}

void PoolNode::Reopen() {
  plain.Reopen();
  flavours.Reopen();
  control.Reopen();
  pinned.Reopen();
  subscriptions.Reopen();
}

// A link that is not ready is a probe itself: its handshake.
void PoolNode::Probe() {
  constexpr Ticket kOwn{.kind = Ticket::Kind::kInternal};
  if (NodeConnection* const ready = plain.AnyReady()) return ready->Send(ProbeRequest(settings.protocol), kOwn);
  NodeConnection* const other = flavours.AnyReady();
  if (other == nullptr) return;
  if (settings.protocol == conf::Protocol::kRedis) return other->Send(ProbeRequest(settings.protocol), kOwn);
  // memcached's other flavour is the binary one.
  std::string packet;
  wire::AppendBinaryNoop(&packet);
  other->Send(std::string_view(packet), kOwn);
}

void PoolNode::HurryLinks() {
  plain.Hurry();
  flavours.Hurry();
  control.Hurry();
  pinned.Hurry();
  subscriptions.Hurry();
}

void PoolNode::OnLinkReady() {
  if (stats.ready_connections.value() == 1) back_since_ = clock_.now();
  HurryLinks();
}

void PoolNode::Hurry() {
  HurryLinks();
  guard.Hurry();
}

void PoolNode::Tick() {
  guard.OnSecond();
  plain.Tick();
  flavours.Tick();
  control.Tick();
  pinned.Tick();
}

}  // namespace ringproxy::backends
