// proxy/route/snapshot_holder.h – The snapshots that one worker needs: the one in force, and older ones that something
// under way still goes by.
//
// Purpose: of each snapshot it is the only holder on its loop. Another one comes into force at the end of a turn, when
// no request is on the stack; nodes that stay keep their connections, those that leave are kept until they have
// drained; a snapshot that nothing needs any more is handed back, to die elsewhere. Threads: its worker's. Lifetime:
// what `parts` refers to outlives it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/route/held_snapshot.h"

namespace ringproxy::proxy {

class SnapshotHolder {
 public:
  using HandBack = std::function<void(std::shared_ptr<const Snapshot>)>;

  SnapshotHolder(const backends::PoolNode::PoolNodeParts& parts, HandBack hand_back)
      : parts_(parts), hand_back_(std::move(hand_back)) {}

  // The first one is in force at once, each further one by Change.
  void Start(std::shared_ptr<const Snapshot> snapshot);
  void Adopt(std::shared_ptr<const Snapshot> snapshot);
  // There is something for Change or GiveBack to do at the end of this turn.
  bool has_work() const { return next_ || !old_.empty() || !leaving_.empty(); }
  // True: the one that was adopted last is in force now.
  bool Change();
  // What nothing needs any more goes. `is_written`: no link waits to be flushed, so none is in use.
  void GiveBack(bool is_written);

  // The one in force; the pointer changes, its place does not.
  const std::unique_ptr<HeldSnapshot>& held() const { return held_; }
  // Snapshots that are not in force any more and still needed; nodes that still drain.
  size_t old_snapshots() const { return old_.size(); }
  size_t leaving_nodes() const { return leaving_.size(); }

 private:
  const backends::PoolNode::PoolNodeParts parts_;
  HandBack hand_back_;
  backends::LeavingNodes leaving_;
  std::shared_ptr<const Snapshot> next_;
  std::unique_ptr<HeldSnapshot> held_;
  std::vector<std::unique_ptr<HeldSnapshot>> old_;
};

}  // namespace ringproxy::proxy
