// backends/link/pool_node.h – One node as one worker has it: what it must know of it, its guard and its links.
//
// Threads: its worker's. Ownership: shared by the NodePools of the snapshots that name it; it stays where it is, since
// its parts refer to each other.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "backends/health/node_record.h"
#include "backends/link/control_link.h"
#include "backends/link/flavour_table.h"
#include "backends/link/link_group.h"
#include "backends/link/pinned_links.h"
#include "backends/link/push_observer.h"
#include "backends/link/subscription_link.h"
#include "conf/config.h"

namespace ringproxy::backends {

class PoolNode {
 public:
  struct PoolNodeParts {
    WorkerIo& io;
    ReplySink& sink;
    FlushList& flush_list;
    BreakerObserver& observer;
    uint32_t worker;  // Whose statistics of the record are this worker's.
  };
  // `bound`: the pool's, if it has one, in which this is node `index`.
  PoolNode(const PoolNodeParts& parts, const conf::Pool& pool, const conf::Node& node,
           std::shared_ptr<NodeRecord> node_record, ring::BoundedLoad* bound, ring::NodeIndex index);
  PoolNode(const PoolNode&) = delete;
  PoolNode& operator=(const PoolNode&) = delete;

  // Whether the node stays when the configuration says this of it: its connections lead there, as many as are wanted.
  bool Fits(const conf::Pool& pool, const conf::Node& node) const;
  // Requires: Fits. What is under way is counted in `bound`.
  void Adopt(const conf::Pool& pool, const conf::Node& node, ring::BoundedLoad* bound, ring::NodeIndex index);
  // It has left the pool: it drains, and says nothing more.
  void Retire();

  // Of the plain links: who asks for a flavour is told about that one when the request is sent.
  bool AnyAccepts() const { return plain.AnyAccepts(); }
  // The links that a request of this flavour takes, opened where there are none; nullptr: there may be no more.
  // Requires: not plain.
  LinkGroup* LinksOf(Flavour flavour) {
    LinkGroup* const links = flavours.Find(flavour);
    // A node that is being left has none for anybody, and its plain links say so.
    return links != nullptr || flavours.takes() ? links : &plain;
  }
  // The lane's next request would stand behind a script, and read that the node is busy.
  bool IsBusyFor(Lane lane) {
    if (guard.heavy().scripts.words().empty() || lane.flavour.is_pinned) return false;
    LinkGroup* const links = lane.flavour.is_plain() ? &plain : flavours.Find(lane.flavour);
    return links != nullptr && links->IsBusyFor(lane.number);
  }
  // The plain links, if they were never opened.
  void Connect() { plain.Connect(); }
  // All links, as below.
  void Drain();
  void Reopen();
  void Hurry();
  // Once a second.
  void Tick();
  // They have all been closed for good.
  bool is_closed() const {
    return plain.is_closed() && flavours.is_closed() && control.is_closed() && pinned.is_closed() &&
           subscriptions.is_closed();
  }
  // Since when it has been there without a break, as far as links tell; none: it is not there.
  std::optional<net::TimePoint> there_since() const {
    return stats.ready_connections.value() > 0 ? std::optional(back_since_) : std::nullopt;
  }
  size_t in_flight() const {
    return plain.in_flight() + flavours.in_flight() + control.in_flight() + pinned.in_flight();
  }

  const std::shared_ptr<NodeRecord> record;
  NodeStats& stats;
  NodeSettings settings;  // Guard and links refer to it.
  ConnectTurns turns;
  NodeGuard guard;
  PushCounter pushes;
  LinkGroup plain;
  FlavourTable flavours;
  ControlLink control;
  PinnedLinks pinned;
  SubscriptionLink subscriptions;

 private:
  void Probe();
  // Links that wait for their next attempt.
  void HurryLinks();
  // A link is ready, and others may follow it.
  void OnLinkReady();

  const net::Clock& clock_;
  net::TimePoint back_since_{};  // When a link became ready while none was.
  bool keeps_percentile_;
};

// Nodes that have left their pool and still drain.
using LeavingNodes = std::vector<std::shared_ptr<PoolNode>>;

}  // namespace ringproxy::backends
