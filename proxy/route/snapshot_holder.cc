#include "proxy/route/snapshot_holder.h"

#include <cassert>
#include <utility>

namespace ringproxy::proxy {

void SnapshotHolder::Start(std::shared_ptr<const Snapshot> snapshot) {
  assert(!held_);
  held_ = std::make_unique<HeldSnapshot>(std::move(snapshot), parts_);
}

void SnapshotHolder::Adopt(std::shared_ptr<const Snapshot> snapshot) {
  assert(MayFollow(**held_, *snapshot));
  // Two came within one turn, and the first of them was never in force.
  if (next_) hand_back_(std::move(next_));
  next_ = std::move(snapshot);
}

bool SnapshotHolder::Change() {
  if (!next_) return false;
  // It is made while the old one is whole, and takes the nodes that stay over from it.
  auto next = std::make_unique<HeldSnapshot>(std::exchange(next_, nullptr), parts_, held_.get(), &leaving_);
  held_->Retire();
  old_.push_back(std::exchange(held_, std::move(next)));
  return true;
}

void SnapshotHolder::GiveBack(bool is_written) {
  for (auto& old : old_) {
    if (old->is_used()) continue;
    std::shared_ptr<const Snapshot> shared = old->shared;
    // The node pools have to die on their loop. What is shared, with its rings, takes long to die and does so
    // elsewhere.
    old.reset();
    hand_back_(std::move(shared));
  }
  std::erase(old_, nullptr);
  if (is_written) std::erase_if(leaving_, [](const auto& node) { return node->is_closed(); });
}

}  // namespace ringproxy::proxy
