#include "backends/link/node_pool.h"

#include <algorithm>
#include <cassert>
#include <unordered_map>

#include "backends/cas_tags.h"

namespace ringproxy::backends {
namespace {

std::unique_ptr<ring::BoundedLoad> NewBound(const ring::Ring& ring, const conf::Pool& pool) {
  if (pool.ring.load_bound.thousandths == 0) return nullptr;
  std::vector<ring::RingNode> nodes;
  for (const conf::Node& node : pool.nodes) nodes.push_back({.name = node.name, .weight = node.weight});
  return std::make_unique<ring::BoundedLoad>(ring, nodes, pool.ring.load_bound.value());
}

}  // namespace

NodePool::NodePool(const PoolNode::PoolNodeParts& parts, const conf::Pool& pool, const ring::Ring& ring,
                   std::span<const std::shared_ptr<NodeRecord>> records, const NodePool* before, LeavingNodes* leaving)
    : sink_(&parts.sink),
      ring_(&ring),
      rehashes_(pool.on_down.policy == conf::DownPolicy::kRehash),
      bound_(NewBound(ring, pool)),
      nodes_(pool.nodes.size()) {
  std::unordered_map<const NodeRecord*, std::shared_ptr<PoolNode>> known;
  if (before != nullptr) {
    for (const auto& node : before->nodes_) known.emplace(node->record.get(), node);
  }
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    const auto same = known.find(records[i].get());
    if (same == known.end() || !same->second->Fits(pool, pool.nodes[i])) continue;
    // It keeps its connections, its breaker and what is under way, whatever its index is now.
    nodes_[i] = std::move(same->second);
    nodes_[i]->Adopt(pool, pool.nodes[i], bound_.get(), i);
    known.erase(same);
  }
  // Before another takes the place of one, and with it the record's gauges.
  if (before != nullptr) {
    for (const auto& node : before->nodes_) {
      if (!known.contains(node->record.get())) continue;
      node->Retire();
      leaving->push_back(node);
    }
  }
  for (uint32_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]) continue;
    nodes_[i] = std::make_shared<PoolNode>(parts, pool, pool.nodes[i], records[i], bound_.get(), i);
  }
  if (pool.protocol != conf::Protocol::kMemcached) return;
  const std::vector<wire::CasTag> tags = CasTagsOf(pool);
  for (uint32_t i = 0; i < nodes_.size(); ++i) nodes_[i]->settings.cas_tag = tags[i];
}

void NodePool::Connect() {
  for (auto& node : nodes_) node->Connect();
}

void NodePool::Drain() {
  for (auto& node : nodes_) node->Drain();
}

void NodePool::SendBatch(ring::NodeIndex index, Lane lane, net::Block requests, uint32_t count, Ticket ticket,
                         wire::Asked asked) {
  PoolNode& node = *nodes_[index];
  lane.flavour.is_pinned = false;
  LinkGroup* const links = lane.flavour.is_plain() ? &node.plain : node.LinksOf(lane.flavour);
  if (links == nullptr) return RefuseFlavour(node, ticket);
  links->SendBatch(lane.number, std::move(requests), count, ticket, asked);
}

Choice NodePool::Choose(uint64_t hash, Claim claim) {
  const ring::NodeIndex owner = ring_->Pick(hash);
  const Admission at_owner = Admits(owner, claim);
  if (at_owner == Admission::kDown && !rehashes_) return {owner, at_owner};
  // Nearly every request ends here, before the walk, which allocates.
  if (at_owner != Admission::kDown && nodes_[owner]->guard.load().HasRoom()) return {owner, at_owner};
  // What has no room is better than nobody.
  Choice choice{owner, at_owner};
  ring_->Walk(hash, [&](ring::NodeIndex node) {
    // It was asked above, and a node on trial counts how often it is asked.
    if (node == owner) return false;
    const Admission admission = Admits(node, claim);
    if (admission == Admission::kDown) return false;
    const bool has_room = nodes_[node]->guard.load().HasRoom();
    if (has_room || choice.admission == Admission::kDown) choice = {node, admission, true};
    return has_room;
  });
  return choice;
}

std::optional<ring::NodeIndex> NodePool::ChooseOther(uint64_t hash, ring::NodeIndex first, Claim claim) {
  std::optional<ring::NodeIndex> other;
  ring_->Walk(hash, [&](ring::NodeIndex node) {
    if (node == first) return false;
    const Admission admission = Admits(node, claim);
    // One that is full ends the walk as well: a further request would only add to a load that is too high.
    if (admission == Admission::kGranted) other = node;
    return admission != Admission::kDown;
  });
  return other;
}

void NodePool::Refuse(ring::NodeIndex node, Admission why, Ticket ticket) {
  assert(why != Admission::kGranted);
  const bool is_full = why == Admission::kFull;
  const PoolNode& refused = *nodes_[node];
  // A refused request counts as the node's, so that its failures are a share of its requests.
  refused.stats.requests.Add();
  (is_full ? refused.stats.overloads : refused.stats.failures).Add();
  const wire::ErrorCode code = is_full ? wire::ErrorCode::kNodeOverloaded : wire::ErrorCode::kNodeDown;
  sink_->OnFailure(ticket, {code, refused.settings.pool, refused.settings.node, {}});
}

// Neither its failure nor an overload of the node's: it is the client's flavour that finds no place.
void NodePool::RefuseFlavour(const PoolNode& node, Ticket ticket) {
  node.stats.requests.Add();
  sink_->OnFailure(ticket, {.code = wire::ErrorCode::kTooManyFlavours,
                            .pool = node.settings.pool,
                            .node = node.settings.node,
                            .most = node.settings.flavours_per_node});
}

// Likewise: the node may be well.
void NodePool::RefusePinned(ring::NodeIndex index, Ticket ticket) {
  const PoolNode& node = *nodes_[index];
  node.stats.requests.Add();
  sink_->OnFailure(ticket, {.code = wire::ErrorCode::kTooManyPinned,
                            .pool = node.settings.pool,
                            .node = node.settings.node,
                            .most = node.settings.pinned_per_node});
}

ServerVersion NodePool::LeastVersion() const {
  ServerVersion least;
  for (const auto& node : nodes_) {
    const ServerVersion own = node->record->version();
    if (own.is_known() && (!least.is_known() || own < least)) least = own;
  }
  return least;
}

PoolNode* NodePool::Find(const NodeRecord& record) {
  const auto found = std::ranges::find(nodes_, &record, [](const auto& node) { return node->record.get(); });
  return found != nodes_.end() ? found->get() : nullptr;
}

void NodePool::Hurry(const NodeRecord& record) {
  if (PoolNode* node = Find(record)) node->Hurry();
}

void NodePool::Distrust(const NodeRecord& record) {
  if (PoolNode* node = Find(record)) node->guard.OnCheckFailed();
}

void NodePool::Disable(const NodeRecord& record) {
  PoolNode* node = Find(record);
  if (node == nullptr) return;
  node->Drain();
  // An attempt that was under way is closed with the rest, and tells nothing of its end.
  node->guard.OnClosed();
}

void NodePool::Enable(const NodeRecord& record) {
  if (PoolNode* node = Find(record)) node->Reopen();
}

std::optional<net::Duration> NodePool::MedianPercentile95() const {
  std::vector<net::Duration> percentiles;
  for (const auto& node : nodes_) {
    if (const auto own = node->guard.Percentile95()) percentiles.push_back(*own);
  }
  if (percentiles.empty()) return std::nullopt;
  const auto middle = percentiles.begin() + static_cast<std::ptrdiff_t>(percentiles.size() / 2);
  std::ranges::nth_element(percentiles, middle);
  return *middle;
}

void NodePool::Tick() {
  for (const auto& node : nodes_) node->Tick();
  // Of two nodes neither can be called the odd one.
  if (nodes_.size() < 3) return;
  const auto median = MedianPercentile95();
  if (!median) return;
  for (const auto& node : nodes_) node->guard.OnPoolMedian(*median);
}

}  // namespace ringproxy::backends
