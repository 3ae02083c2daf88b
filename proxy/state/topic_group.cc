#include "proxy/state/topic_group.h"

#include <algorithm>
#include <utility>

namespace ringproxy::proxy {
namespace {

bool IsAmong(backends::NodePool& nodes, const SubscribedNode& subscribed) {
  for (ring::NodeIndex i = 0; i < nodes.node_count(); ++i) {
    if (subscribed.IsAt(nodes.BesideRequests(i).pinned)) return true;
  }
  return false;
}

}  // namespace

std::optional<ring::NodeIndex> TopicGroup::Open(HeldSnapshot& held) {
  std::vector<std::unique_ptr<SubscribedNode>> opened;
  backends::NodePool& nodes = held.node_pools[pool()];
  for (ring::NodeIndex node = 0; node < nodes.node_count(); ++node) {
    const backends::NodePool::SideLinks links = nodes.BesideRequests(node);
    if (std::ranges::any_of(nodes_, [&](const auto& known) { return known->IsAt(links.pinned); })) continue;
    std::unique_ptr<backends::SubscriptionLease> lease;
    if (owner_) {
      lease = links.pinned.LeaseSubscription();
      if (!lease) return node;
    }
    const std::shared_ptr<backends::NodeRecord>& record = held->pools[pool()].nodes[node];
    const SubscribedNode::SubscribedNodeParts parts{
        .link = lease ? lease->link() : links.subscriptions,
        .at = links.pinned,
        .record = record,
        .stats = record->stats(parts_.worker),
        .topics = topics_,
        .counts = parts_.counts,
        .is_own = owner_.has_value(),
        .clock = parts_.clock,
    };
    opened.push_back(std::make_unique<SubscribedNode>(parts, std::move(lease), parts_.observer));
  }
  for (auto& node : opened) {
    nodes_.push_back(std::move(node));
    if (!topics_.empty()) nodes_.back()->Open();
  }
  return std::nullopt;
}

void TopicGroup::DropLeft(HeldSnapshot& held) {
  std::vector<std::unique_ptr<SubscribedNode>> left;
  for (auto& node : nodes_) {
    if (!IsAmong(held.node_pools[pool()], *node)) left.push_back(std::move(node));
  }
  std::erase(nodes_, nullptr);
}

void TopicGroup::Want(Topic& topic) {
  for (const auto& node : nodes_) node->Want(topic);
}

void TopicGroup::Unwant(Topic& topic) {
  if (leaves_) return;
  for (const auto& node : nodes_) node->Unwant(topic);
}

void TopicGroup::Tick() {
  for (const auto& node : nodes_) node->Tick();
}

}  // namespace ringproxy::proxy
