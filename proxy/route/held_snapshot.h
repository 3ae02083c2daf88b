// proxy/route/held_snapshot.h – A snapshot as one worker holds it: with the worker's node pools, and a count of what is
// under way by it.
//
// Purpose: a request goes by one configuration from its beginning to its end. Within a turn it is handed down by
// reference. What outlives the turn and still needs it (a read that may be asked again, a request that a limit lets
// wait or follows, a question to the store of limits) counts as a SnapshotUse; the worker gives an old snapshot back
// once nothing uses it. A node's index means something in the pools of one snapshot only; the nodes that stay are the
// same objects in the next.
// Threads: its worker's. Ownership: the worker's.
#pragma once

#include <cassert>
#include <memory>
#include <utility>
#include <vector>

#include "backends/link/node_pool.h"
#include "proxy/route/snapshot.h"

namespace ringproxy::proxy {

class HeldSnapshot {
 public:
  // Nodes that stand in `before` too stay with their connections. Those that do not stay any more drain: they are added
  // to `leaving`, to be kept until they are closed.
  HeldSnapshot(std::shared_ptr<const Snapshot> snapshot, const backends::PoolNode::PoolNodeParts& parts,
               const HeldSnapshot* before = nullptr, backends::LeavingNodes* leaving = nullptr);
  HeldSnapshot(const HeldSnapshot&) = delete;
  HeldSnapshot& operator=(const HeldSnapshot&) = delete;
  ~HeldSnapshot() { assert(uses_ == 0); }

  const Snapshot& operator*() const { return *shared; }
  const Snapshot* operator->() const { return shared.get(); }
  // Whether anything under way needs it.
  bool is_used() const { return uses_ > 0; }
  // Another one is in force now: nothing new shall go by this.
  void Retire() { is_in_force_ = false; }
  bool is_in_force() const { return is_in_force_; }

  const std::shared_ptr<const Snapshot> shared;
  std::vector<backends::NodePool> node_pools;  // As Snapshot::pools, whose rings they use.

 private:
  friend class SnapshotUse;

  uint32_t uses_ = 0;
  bool is_in_force_ = true;
};

// Something under way that needs its snapshot.
class SnapshotUse {
 public:
  SnapshotUse() = default;
  explicit SnapshotUse(HeldSnapshot& held) : held_(&held) { ++held.uses_; }
  SnapshotUse(SnapshotUse&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  SnapshotUse& operator=(SnapshotUse&& other) noexcept {
    std::swap(held_, other.held_);
    other.End();
    return *this;
  }
  ~SnapshotUse() { End(); }

  void End() {
    if (held_ != nullptr) --held_->uses_;
    held_ = nullptr;
  }
  HeldSnapshot& operator*() const { return *held_; }
  HeldSnapshot* operator->() const { return held_; }

 private:
  HeldSnapshot* held_ = nullptr;
};

}  // namespace ringproxy::proxy
