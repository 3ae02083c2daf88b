#include "proxy/route/dispatcher.h"

#include <cassert>

#include "backends/wire/resp_encode.h"

namespace ringproxy::proxy {
namespace {

// A part's buffer that one huge MSET has grown beyond this is given back.
constexpr size_t kKeptPart = 256 << 10;

}  // namespace

Dispatcher::Dispatcher(std::shared_ptr<const Snapshot> snapshot, std::span<backends::NodePool> pools, Fanout& fanout,
                       backends::ReplySink& sink)
    : snapshot_(std::move(snapshot)),
      pools_(pools),
      fanout_(fanout),
      sink_(sink),
      parts_(snapshot_->node_count),
      part_of_node_(snapshot_->node_count) {}

uint32_t Dispatcher::Dispatch(RoutedRequest routed, Origin origin, backends::Ticket ticket) {
  switch (routed.spec.handling) {
    case wire::Handling::kSplit: return SplitByNode(std::move(routed), origin, ticket);
    case wire::Handling::kAllNodes: return SendToAllNodes(std::move(routed), origin, ticket);
    case wire::Handling::kAnyNode: {
      const Destination to = AnyNode(origin);
      Send(std::move(routed), origin, to, ticket);
      return to.pool;
    }
    case wire::Handling::kForward: {
      const std::optional<Destination> to = CommonDestination(routed, origin, ticket);
      if (!to) return snapshot_->listeners[origin.listener].routes.back().pool;
      Send(std::move(routed), origin, *to, ticket);
      return to->pool;
    }
    case wire::Handling::kLocal:
    case wire::Handling::kRefused: break;
  }
  assert(false);
  return 0;
}

std::optional<Destination> Dispatcher::CommonDestination(const RoutedRequest& routed, Origin origin,
                                                         backends::Ticket ticket) {
  const ListenerSnapshot& listener = snapshot_->listeners[origin.listener];
  const auto route = [&](std::string_view key) -> std::optional<Destination> {
    if (KeyFits(key, origin)) return RouteKey(*snapshot_, listener, key);
    Fail(ticket, wire::ErrorCode::kKeyTooLong);
    return std::nullopt;
  };
  if (wire::HasOneKey(routed.spec)) return route(wire::FirstKey(routed.spec, routed.request));
  // A script without keys, or keys that cannot be told: see wire::KeyResult.
  if (wire::FindKeys(routed.spec, routed.request, &keys_) != wire::KeyResult::kOk) return route({});
  std::optional<Destination> common;
  for (const uint32_t position : keys_) {
    const std::optional<Destination> to = route(routed.request[position]);
    if (!to) return std::nullopt;
    if (common && *common != *to) {
      Fail(ticket, wire::ErrorCode::kCrossSlot);
      return std::nullopt;
    }
    common = to;
  }
  return common;
}

void Dispatcher::Send(RoutedRequest routed, Origin origin, Destination to, backends::Ticket ticket) {
  backends::NodePool& pool = pools_[to.pool];
  if (routed.block) return pool.Send(to.node, origin.lane, std::move(routed.block), ticket);
  pool.Send(to.node, origin.lane, routed.request.encoded(), ticket);
}

uint16_t Dispatcher::PartFor(Destination to) {
  uint16_t& known = part_of_node_[snapshot_->pools[to.pool].first_node + to.node];
  if (known < part_count_ && parts_[known].to == to) return known;
  known = static_cast<uint16_t>(part_count_++);
  parts_[known].to = to;
  parts_[known].keys = 0;
  parts_[known].encoded.clear();
  return known;
}

uint32_t Dispatcher::SplitByNode(RoutedRequest routed, Origin origin, backends::Ticket ticket) {
  const ListenerSnapshot& listener = snapshot_->listeners[origin.listener];
  const wire::KeyResult found = wire::FindKeys(routed.spec, routed.request, &keys_);
  part_count_ = 0;
  part_of_key_.clear();
  // An odd MSET: Redis answers it with its own words, whichever node is asked.
  if (found != wire::KeyResult::kOk) part_of_key_.push_back(PartFor(RouteKey(*snapshot_, listener, {})));
  if (found == wire::KeyResult::kOk) {
    for (const uint32_t position : keys_) {
      const std::string_view key = routed.request[position];
      if (!KeyFits(key, origin)) {
        Fail(ticket, wire::ErrorCode::kKeyTooLong);
        return listener.routes.back().pool;
      }
      part_of_key_.push_back(PartFor(RouteKey(*snapshot_, listener, key)));
      ++parts_[part_of_key_.back()].keys;
    }
  }
  const uint32_t pool = parts_[0].to.pool;
  // All on one node: forwarded as it came (trap 4).
  if (part_count_ == 1) {
    Send(std::move(routed), origin, parts_[0].to, ticket);
  } else {
    SendParts(routed, origin, ticket);
  }
  return pool;
}

void Dispatcher::SendParts(const RoutedRequest& routed, Origin origin, backends::Ticket ticket) {
  const auto per_key = static_cast<uint32_t>(routed.spec.keys.step);
  for (size_t i = 0; i < part_count_; ++i) {
    wire::AppendArrayHeader(1 + parts_[i].keys * per_key, &parts_[i].encoded);
    wire::AppendBulk(routed.request.name(), &parts_[i].encoded);
  }
  for (size_t i = 0; i < keys_.size(); ++i) {
    std::string* encoded = &parts_[part_of_key_[i]].encoded;
    for (uint32_t a = 0; a < per_key; ++a) wire::AppendBulk(routed.request[keys_[i] + a], encoded);
  }
  const uint32_t owner = fanout_.Open(ticket, routed.spec.merge, static_cast<uint32_t>(part_count_), &part_of_key_);
  for (uint32_t i = 0; i < part_count_; ++i) {
    Part& part = parts_[i];
    pools_[part.to.pool].Send(part.to.node, origin.lane, std::string_view(part.encoded), Fanout::ChildTicket(owner, i));
    if (part.encoded.capacity() > kKeptPart) std::string().swap(part.encoded);
  }
}

uint32_t Dispatcher::SendToAllNodes(RoutedRequest routed, Origin origin, backends::Ticket ticket) {
  const ListenerSnapshot& listener = snapshot_->listeners[origin.listener];
  uint32_t children = 0;
  for (const uint32_t pool : listener.pools) children += pools_[pool].node_count();
  if (children == 1) {
    Send(std::move(routed), origin, {listener.pools[0], 0}, ticket);
    return listener.pools[0];
  }
  const uint32_t owner = fanout_.Open(ticket, routed.spec.merge, children, nullptr);
  uint32_t child = 0;
  for (const uint32_t pool : listener.pools) {
    for (ring::NodeIndex node = 0; node < pools_[pool].node_count(); ++node) {
      pools_[pool].Send(node, origin.lane, routed.request.encoded(), Fanout::ChildTicket(owner, child++));
    }
  }
  return listener.routes.back().pool;
}

Destination Dispatcher::AnyNode(Origin origin) const {
  const uint32_t pool = snapshot_->listeners[origin.listener].routes.back().pool;
  const uint32_t count = pools_[pool].node_count();
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t node = (origin.lane + i) % count;
    if (pools_[pool].Accepts(node)) return {pool, node};
  }
  return {pool, 0};
}

}  // namespace ringproxy::proxy
