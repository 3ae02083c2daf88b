// proxy/state/subscription_counts.h – Who is subscribed to what, over all workers of the process: as numbers.
//
// Purpose: a node counts links, and a link stands for all listeners of its worker. What PUBLISH and PUBSUB NUMSUB tell
// a client is made right by these: own links are taken off, own clients are added.
// It also knows at which nodes links are missing, so that a message is published where all workers hear it.
// Threads: any may call; a mutex guards the tables. It is taken when a subscription or a link begins or ends and for a
// PUBLISH while anybody listens, never for a message.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace ringproxy::backends {
class NodeRecord;
}

namespace ringproxy::proxy {

enum class TopicKind : uint8_t { kChannel, kPattern, kShard };
inline constexpr size_t kTopicKinds = 3;
// Of one client: how many names it listens to, by kind.
using TopicCounts = std::array<size_t, kTopicKinds>;

class SubscriptionCounts {
 public:
  // A link that is subscribed at the node, or is no more.
  void AddLink(const backends::NodeRecord& node, TopicKind kind, std::string_view name, int delta) {
    Add(ScopeOf(node), kind, name, delta);
  }
  // A client of the pool, likewise.
  void AddClient(uint32_t pool, TopicKind kind, std::string_view name, int delta) { Add(pool, kind, name, delta); }

  // A worker's or a client's link to the node on which everything is to be subscribed anew, or is by now.
  void AddMissing(const backends::NodeRecord& node, int delta);
  // There is such a link: what is published at the node now is not heard by all.
  bool IsMissedAt(const backends::NodeRecord& node) const;

  // Nobody is subscribed to anything, so that there is nothing to correct.
  bool is_empty() const { return entries_.load(std::memory_order_relaxed) == 0; }

  // What a message to this channel (of that kind) reaches from the node: subscriptions to its name, and to patterns
  // that fit it. Clients count where a link is subscribed there.
  struct Reached {
    int64_t links = 0;
    int64_t clients = 0;

    // How many listen, at least, if the node has counted `told`. Each link of ours stands for some, but where the node
    // has counted fewer than all, nobody knows which: then it is one for each that it has.
    int64_t Listeners(int64_t told) const { return told < links ? std::min(told, clients) : told - links + clients; }
  };
  Reached ReachedBy(const backends::NodeRecord& node, uint32_t pool, TopicKind kind, std::string_view channel) const;
  // The subscriptions to the name alone.
  int64_t LinksOf(const backends::NodeRecord& node, TopicKind kind, std::string_view name) const {
    return Named(ScopeOf(node), kind, name);
  }
  int64_t ClientsOf(uint32_t pool, TopicKind kind, std::string_view name) const { return Named(pool, kind, name); }

 private:
  using Names = std::unordered_map<std::string, int64_t>;
  using ScopeNames = std::array<Names, kTopicKinds>;

  // No address is as small as the number of a pool.
  static uint64_t ScopeOf(const backends::NodeRecord& node) { return reinterpret_cast<uint64_t>(&node); }
  void Add(uint64_t scope, TopicKind kind, std::string_view name, int delta);
  int64_t Named(uint64_t scope, TopicKind kind, std::string_view name) const;

  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, ScopeNames> scopes_;
  std::atomic<size_t> entries_{0};
  std::unordered_map<const backends::NodeRecord*, int64_t> missing_;
  std::atomic<size_t> nodes_missed_at_{0};
};

}  // namespace ringproxy::proxy
