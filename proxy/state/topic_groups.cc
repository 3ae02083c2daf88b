#include "proxy/state/topic_groups.h"

#include <algorithm>
#include <utility>

namespace ringproxy::proxy {

size_t ClientGroups::own_links() const {
  size_t links = 0;
  for (const auto& group : own) links += group->node_count();
  return links;
}

bool ClientGroups::is_settled() const {
  return std::ranges::all_of(own, [](const auto& group) { return group->is_empty(); });
}

TopicGroups::TopicGroups(backends::WorkerIo& io, uint32_t worker, SubscriptionCounts& counts,
                         SubscribedNode::Observer& observer)
    : io_(io), worker_(worker), counts_(counts), observer_(observer), timer_(io.loop, [this] {
        // What hears of their end may retire others.
        std::exchange(retired_, {}).clear();
      }) {}

TopicGroup* TopicGroups::New(ClientGroups& client, uint32_t pool, const conf::Pool& conf) {
  while (pools_.size() <= pool) pools_.emplace_back();
  PoolGroups& groups = pools_[pool];
  groups.disconnects = conf.on_gap == conf::OnGap::kDisconnect;
  const bool is_own = conf.subscriptions == conf::SubscriptionLinks::kOwn;
  std::unique_ptr<TopicGroup>& place = is_own ? client.own.emplace_back() : groups.shared;
  const TopicGroup::GroupParts parts{io_.loop, worker_, counts_, observer_, groups.held_bytes, pool};
  if (!place) place = std::make_unique<TopicGroup>(parts, is_own ? std::optional(client.session) : std::nullopt);
  return place.get();
}

std::optional<wire::Failure> TopicGroups::Open(ClientGroups& client, HeldSnapshot& held, size_t most_own) {
  std::vector<TopicGroup*> groups;
  size_t own_links = 0;
  for (const uint32_t pool : client.pools) {
    // Whoever has links of one kind keeps to it until its subscriptions have ended.
    const auto known = std::ranges::find(client.of_pools, pool, [](const TopicGroup* group) { return group->pool(); });
    groups.push_back(known != client.of_pools.end() ? *known : New(client, pool, held->config.pools[pool]));
    if (groups.back()->owner()) own_links += held.node_pools[pool].node_count();
  }
  client.of_pools = groups;
  if (own_links > most_own)
    return wire::Failure{.code = wire::ErrorCode::kTooManyOwn, .most = static_cast<uint32_t>(most_own)};
  for (TopicGroup* const group : groups) {
    const std::optional<ring::NodeIndex> full = group->Open(held);
    if (!full) continue;
    const conf::Pool& conf = held->config.pools[group->pool()];
    return wire::Failure{.code = wire::ErrorCode::kTooManyPinned,
                         .pool = conf.name,
                         .node = conf.nodes[*full].name,
                         .most = conf.pinned_per_node};
  }
  return std::nullopt;
}

void TopicGroups::Retire(std::unique_ptr<TopicGroup> group) {
  retired_.push_back(std::move(group));
  timer_.FireBy(io_.loop.now());
}

void TopicGroups::Adopt(HeldSnapshot& held) {
  std::exchange(retired_, {}).clear();
  for (uint32_t pool = 0; pool < pools_.size(); ++pool) {
    pools_[pool].disconnects = held->config.pools[pool].on_gap == conf::OnGap::kDisconnect;
    if (!pools_[pool].shared) continue;
    pools_[pool].shared->Open(held);
    // Those that have left go when the others are there.
    pools_[pool].shared->DropLeft(held);
  }
}

void TopicGroups::Tick() {
  for (const PoolGroups& pool : pools_) {
    if (pool.shared) pool.shared->Tick();
  }
}

void TopicGroups::Clear() {
  std::exchange(retired_, {}).clear();
  for (PoolGroups& pool : pools_) pool.shared.reset();
}

}  // namespace ringproxy::proxy
