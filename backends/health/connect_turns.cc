#include "backends/health/connect_turns.h"

namespace ringproxy::backends {

ConnectTurns::ConnectTurns(net::Loop& loop, const NodeStats& stats)
    : stats_(stats), timer_(loop.NewTimer([this] { EndRow(); })) {}

bool ConnectTurns::HasTurn() const {
  return taken_ < kMost && !ends_row_ && stats_.ready_connections.value() > 0;
}

void ConnectTurns::OnNodeWell() {
  ++well_;
  Give();
}

void ConnectTurns::GiveUp() {
  if (row_.empty()) return;
  ends_row_ = true;
  timer_->Arm(net::Duration(0));
}

void ConnectTurns::Give() {
  while (!row_.empty() && HasTurn()) {
    ConnectTurn& next = *row_.begin()->second;
    row_.erase(row_.begin());
    next.place_ = 0;
    next.Begin();
    next.on_turn_(true);
  }
}

// Who hears of it may ask anew, and stands behind the end of this row.
void ConnectTurns::EndRow() {
  const uint64_t end = next_place_;
  while (!row_.empty() && row_.begin()->first < end) {
    ConnectTurn& next = *row_.begin()->second;
    row_.erase(row_.begin());
    next.place_ = 0;
    next.on_turn_(false);
  }
  ends_row_ = false;
  Give();
}

bool ConnectTurn::Take() {
  if (is_taken_) return true;
  if (is_waiting()) return false;
  if (!turns_->row_.empty() || !turns_->HasTurn()) {
    place_ = turns_->next_place_++;
    turns_->row_.emplace(place_, this);
    return false;
  }
  Begin();
  return true;
}

void ConnectTurn::Begin() {
  is_taken_ = true;
  well_ = turns_->well_;
  ++turns_->taken_;
}

void ConnectTurn::End() {
  if (is_waiting()) turns_->row_.erase(std::exchange(place_, 0));
  if (!std::exchange(is_taken_, false)) return;
  --turns_->taken_;
  turns_->Give();
}

void ConnectTurn::Fail() {
  if (is_taken_ && well_ == turns_->well_) turns_->GiveUp();
  End();
}

}  // namespace ringproxy::backends
