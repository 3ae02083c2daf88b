#include "proxy/route/whole_fleet.h"

#include "backends/wire/error_text.h"

namespace ringproxy::proxy {
namespace {

void ForEachNode(const Origin& origin, auto&& visit) {
  for (const uint32_t pool : origin.held->listeners[origin.listener].pools) {
    const uint32_t count = origin.held.node_pools[pool].node_count();
    for (ring::NodeIndex node = 0; node < count; ++node) visit(NodeId{pool, node});
  }
}

// The pool's name as well where there are several.
std::string NameInFleet(const Origin& origin, NodeId node) {
  const conf::Pool& pool = origin.held->config.pools[node.pool];
  const std::string& name = pool.nodes[node.node].name;
  return origin.held->listeners[origin.listener].pools.size() > 1 ? pool.name + "/" + name : name;
}

}  // namespace

std::optional<NodeId> WholeFleet::OnlyNode(const Origin& origin) {
  const std::vector<uint32_t>& pools = origin.held->listeners[origin.listener].pools;
  if (pools.size() > 1 || origin.held.node_pools[pools[0]].node_count() > 1) return std::nullopt;
  return NodeId{pools[0], 0};
}

Destination WholeFleet::AnyNode(const RoutedRequest& routed, const Origin& origin) {
  const uint32_t pool = origin.held->listeners[origin.listener].routes.back().pool;
  backends::NodePool& nodes = origin.held.node_pools[pool];
  const uint32_t count = nodes.node_count();
  Destination refusal{{pool, 0}, backends::Admission::kDown};
  for (uint32_t i = 0; i < count; ++i) {
    // Clients begin at different nodes, by their lanes, and one client stays with its node as long as that may be
    // asked.
    const uint32_t node = (origin.lane.number + i) % count;
    const Destination any{{pool, node}, nodes.Admits(node, {.is_read = true, .has_priority = routed.has_priority})};
    if (any.admission == backends::Admission::kGranted) return any;
    // A node that is full is the better news: its client may try again at once.
    if (any.admission == backends::Admission::kFull) refusal = any;
  }
  return refusal;
}

void WholeFleet::AnswerNotSupported(const RoutedRequest& routed, std::string_view why, backends::ReplySink& sink,
                                    backends::Ticket ticket) {
  std::string text;
  wire::AppendNotSupported(routed.spec.name, why, &text);
  sink.OnReply(ticket, backends::Reply(text));
}

uint32_t WholeFleet::Open(wire::Merge merge, size_t nodes, const Origin& origin, backends::Ticket ticket) {
  plan_.merge = merge;
  plan_.protocol = origin.lane.flavour.protocol;
  plan_.children = static_cast<uint32_t>(nodes);
  return fanout_.Open(ticket, &plan_);
}

void WholeFleet::Send(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  if (LibraryLoads::Takes(routed.spec)) {
    nodes_.clear();
    ForEachNode(origin, [&](NodeId node) { nodes_.push_back(node); });
    return libraries_.Send(routed, origin, nodes_, ticket);
  }
  size_t nodes = 0;
  ForEachNode(origin, [&nodes](NodeId) { ++nodes; });
  plan_.Clear();
  plan_.counts_nodes = routed.spec.name == "stats";
  if (routed.spec.merge == wire::Merge::kConnections || wire::NeedsAdmin(routed.spec))
    ForEachNode(origin, [&](NodeId node) { plan_.node_names.push_back(NameInFleet(origin, node)); });
  const uint32_t owner = Open(routed.spec.merge, nodes, origin, ticket);
  uint32_t child = 0;
  ForEachNode(origin, [&](NodeId to) {
    const backends::Ticket part = Fanout::ChildTicket(owner, child++);
    backends::NodePool& pool = origin.held.node_pools[to.pool];
    const backends::Admission admission = pool.Admits(to.node, ClaimOf(routed));
    if (admission != backends::Admission::kGranted) return pool.Refuse(to.node, admission, part);
    pool.Send(to.node, origin.lane, routed.request.encoded(), part, AskedOf(routed));
  });
}

void WholeFleet::SendControl(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  const auto send = [&](NodeId to, backends::Ticket part) {
    origin.held.node_pools[to.pool].BesideRequests(to.node).control.Send(routed.request.encoded(), part);
  };
  if (const std::optional<NodeId> only = OnlyNode(origin)) return send(*only, ticket);
  size_t nodes = 0;
  ForEachNode(origin, [&nodes](NodeId) { ++nodes; });
  plan_.Clear();
  const uint32_t owner = Open(routed.spec.merge, nodes, origin, ticket);
  uint32_t child = 0;
  ForEachNode(origin, [&](NodeId to) { send(to, Fanout::ChildTicket(owner, child++)); });
}

bool WholeFleet::SendPastScript(const RoutedRequest& routed, const Origin& origin, NodeId only,
                                backends::Ticket ticket) {
  const bool is_allowed = routed.spec.flags.find("allow_busy") != std::string_view::npos;
  const bool passes = is_allowed && origin.lane.flavour.protocol == 2 &&
                      origin.held.node_pools[only.pool].BesideRequests(only.node).IsBusyFor(origin.lane);
  if (passes) SendControl(routed, origin, ticket);
  return passes;
}

void WholeFleet::Ask(const RoutedRequest& routed, const Origin& origin, backends::Ticket ticket) {
  nodes_.clear();
  backends::Admission refusal = backends::Admission::kDown;
  ForEachNode(origin, [&](NodeId node) {
    const backends::Admission admission = origin.held.node_pools[node.pool].Admits(node.node, ClaimOf(routed));
    if (admission == backends::Admission::kGranted) nodes_.push_back(node);
    // A node that is full is the better news: its client may try again at once.
    if (admission == backends::Admission::kFull) refusal = admission;
  });
  if (nodes_.empty()) {
    const uint32_t pool = origin.held->listeners[origin.listener].pools[0];
    return origin.held.node_pools[pool].Refuse(0, refusal, ticket);
  }
  plan_.Clear();
  const uint32_t owner = Open(wire::Merge::kAllOk, nodes_.size(), origin, ticket);
  for (uint32_t child = 0; child < nodes_.size(); ++child) {
    const NodeId to = nodes_[child];
    origin.held.node_pools[to.pool].Send(to.node, origin.lane, routed.request.encoded(),
                                         Fanout::ChildTicket(owner, child));
  }
}

}  // namespace ringproxy::proxy
