// backends/health/request_load.h – How many requests of one worker are under way to a node, and whether a bounded ring
// lets it have another.
//
// Threads: its worker's. Lifetime: the record's statistics and the pool's bound outlive it.
#pragma once

#include <cstdint>

#include "backends/stats.h"
#include "ring/bounded_load.h"

namespace ringproxy::backends {

class RequestLoad {
 public:
  // `bound`: the pool's, if it has one, in which the node is `index`.
  RequestLoad(NodeStats& stats, ring::BoundedLoad* bound, ring::NodeIndex index)
      : stats_(stats), bound_(bound), index_(index) {}

  uint64_t in_flight() const { return stats_.in_flight.value(); }
  bool HasRoom() const { return bound_ == nullptr || bound_->HasRoom(index_); }

  // A request enters or leaves the FIFO of a connection.
  void OnSent() {
    stats_.in_flight.Add();
    ++under_way_;
    if (bound_ != nullptr) bound_->Begin(index_);
  }
  void OnGone() {
    stats_.in_flight.Subtract(1);
    --under_way_;
    if (bound_ != nullptr) bound_->End(index_);
  }
  // What is under way is counted by another bound from now on, which has counted none of it yet, or by none.
  void Adopt(ring::BoundedLoad* bound, ring::NodeIndex index) {
    bound_ = bound;
    index_ = index;
    if (bound_ == nullptr) return;
    // It will be told of the end of each.
    for (uint64_t i = under_way_; i > 0; --i) bound_->Begin(index_);
  }

 private:
  NodeStats& stats_;        // A node that left and came back shares them, and the gauge tells of both.
  uint64_t under_way_ = 0;  // Of this one.
  ring::BoundedLoad* bound_;
  ring::NodeIndex index_;
};

}  // namespace ringproxy::backends
