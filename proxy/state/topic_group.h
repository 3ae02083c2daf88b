// proxy/state/topic_group.h – The topics of one pool that are subscribed at its nodes together: over links that all
// clients of a worker share, or over links of one client's own.
//
// Threads: its worker's. Lifetime: the nodes' links and the observer outlive it. It does not end while a link of its
// tells it something.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "backends/net/loop.h"
#include "proxy/route/held_snapshot.h"
#include "proxy/state/subscribed_node.h"
#include "proxy/state/topic_table.h"

namespace ringproxy::proxy {

class TopicGroup {
 public:
  struct GroupParts {
    const net::Clock& clock;
    uint32_t worker;  // The number of one, for the nodes' statistics.
    SubscriptionCounts& counts;
    SubscribedNode::Observer& observer;
    size_t& held_bytes;  // Of all groups of the pool.
    uint32_t pool;
  };

  // `owner`: the session whose own it is; none: it is shared.
  TopicGroup(const GroupParts& parts, std::optional<uint32_t> owner)
      : parts_(parts), owner_(owner), topics_(*this, parts.held_bytes) {}
  TopicGroup(const TopicGroup&) = delete;
  TopicGroup& operator=(const TopicGroup&) = delete;
  // Nothing is awaited of the nodes any more.
  ~TopicGroup() { nodes_.clear(); }

  // Links to the nodes that it has none to. Returns a node that gives no more clients a link of their own; then nothing
  // has changed.
  std::optional<ring::NodeIndex> Open(HeldSnapshot& held);
  // Leaves the nodes that are not in the pool any more.
  void DropLeft(HeldSnapshot& held);

  Topic& Get(TopicKind kind, std::string_view name) { return topics_.Get(kind, name); }
  Topic* Find(TopicKind kind, std::string_view name) { return topics_.Find(kind, name); }
  void EraseIfUnused(Topic& topic) { topics_.EraseIfUnused(topic); }
  // A client more or less that has been told that it listens.
  void CountClient(const Topic& topic, int delta) const {
    if (!owner_) parts_.counts.AddClient(pool(), topic.kind, topic.name, delta);
  }
  // Somebody listens to the topic now; nobody does any more.
  void Want(Topic& topic);
  void Unwant(Topic& topic);
  // Its links are about to close: they are not told what nobody listens to.
  void Leave() { leaves_ = true; }
  // Once a second.
  void Tick();

  uint32_t pool() const { return parts_.pool; }
  std::optional<uint32_t> owner() const { return owner_; }
  size_t node_count() const { return nodes_.size(); }
  bool is_empty() const { return topics_.empty(); }

 private:
  const GroupParts parts_;
  const std::optional<uint32_t> owner_;
  TopicTable topics_;
  std::vector<std::unique_ptr<SubscribedNode>> nodes_;
  bool leaves_ = false;
};

}  // namespace ringproxy::proxy
