// proxy/state/topic_groups.h – The groups of topics of all pools: a shared one of each, and those that are one
// client's.
//
// Threads: its worker's. Lifetime: all that it is given outlives it, the nodes' links included.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "backends/net/earliest_timer.h"
#include "backends/wire/error_text.h"
#include "backends/worker_io.h"
#include "proxy/route/held_snapshot.h"
#include "proxy/state/topic_group.h"

namespace ringproxy::proxy {

// Those of one client.
struct ClientGroups {
  uint32_t session;
  std::vector<uint32_t> pools;  // Of its listener; it has each topic in all of them.
  std::vector<TopicGroup*> of_pools{};
  std::vector<std::unique_ptr<TopicGroup>> own{};

  bool IsFirst(const TopicGroup& group) const { return &group == of_pools.front(); }
  size_t own_links() const;
  // Nobody listens to anything by its own links, and no node's answer is to come.
  bool is_settled() const;
};

class TopicGroups {
 public:
  // `worker`: the number of one, for the nodes' statistics.
  TopicGroups(backends::WorkerIo& io, uint32_t worker, SubscriptionCounts& counts, SubscribedNode::Observer& observer);

  // Groups of all the client's pools, with links to all nodes; at most so many of its own.
  std::optional<wire::Failure> Open(ClientGroups& client, HeldSnapshot& held, size_t most_own);
  // It is used no more. It may be on the stack, so its links close in the next turn.
  void Retire(std::unique_ptr<TopicGroup> group);
  // Shared groups go over to the nodes in force, and what is retired closes now. Requires: no link is on the stack.
  void Adopt(HeldSnapshot& held);
  // Once a second.
  void Tick();
  // Ends all, when no client has any.
  void Clear();

  // By the topics of the pool.
  size_t held_bytes(uint32_t pool) const { return pool < pools_.size() ? pools_[pool].held_bytes : 0; }
  // A gap ends its listeners' connections.
  bool disconnects(uint32_t pool) const { return pools_[pool].disconnects; }

 private:
  struct PoolGroups {
    size_t held_bytes = 0;
    bool disconnects = false;
    std::unique_ptr<TopicGroup> shared;  // Once anybody has subscribed to anything.
  };

  TopicGroup* New(ClientGroups& client, uint32_t pool, const conf::Pool& conf);

  backends::WorkerIo& io_;
  const uint32_t worker_;
  SubscriptionCounts& counts_;
  SubscribedNode::Observer& observer_;
  std::deque<PoolGroups> pools_;
  std::vector<std::unique_ptr<TopicGroup>> retired_;
  net::EarliestTimer timer_;  // While there are retired ones.
};

}  // namespace ringproxy::proxy
