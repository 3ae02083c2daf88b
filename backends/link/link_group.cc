#include "backends/link/link_group.h"

#include <cassert>
#include <numeric>

namespace ringproxy::backends {

LinkGroup::LinkGroup(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, uint32_t count,
                     Flavour flavour)
    : settings_(parts.settings),
      stats_(parts.stats),
      guard_(guard),
      sink_(sink),
      lanes_(count),
      is_single_(count == 1) {
  for (uint32_t i = 0; i < count; ++i) {
    connections_.push_back(std::make_unique<NodeConnection>(parts, guard, sink, flavour));
  }
}

void LinkGroup::Connect() {
  for (auto& connection : connections_) {
    if (connection->state() == LinkState::kIdle) connection->Connect();
  }
}

void LinkGroup::Drain() {
  for (auto& connection : connections_) connection->Drain();
}

void LinkGroup::Reopen() {
  for (auto& connection : connections_) connection->Reopen();
}

void LinkGroup::Hurry() {
  for (auto& connection : connections_) connection->Hurry();
}

void LinkGroup::Open(Flavour flavour) {
  assert(is_closed());
  for (auto& connection : connections_) connection->Become(flavour);
  for (auto& connection : connections_) connection->Connect();
}

void LinkGroup::Tick() {
  if (!marks_ || guard_.heavy().scripts.any()) return;
  marks_.reset();
  is_single_ = connections_.size() == 1;
}

bool LinkGroup::IsBusyFor(uint32_t lane, uint32_t taken) const {
  return marks_ && !guard_.heavy().scripts.words().empty() &&
         connections_[taken]->pipeline().oldest_work() == wire::Work::kScript &&
         !marks_->Waits(connections_, taken, lane);
}

bool LinkGroup::MayStandThere(uint32_t lane, uint32_t taken, Ticket ticket) {
  if (!marks_) {
    marks_ = std::make_unique<LaneMarks>(connections_);
    is_single_ = false;
  }
  if (!IsBusyFor(lane, taken)) return true;
  // No failure of the node, which is well.
  stats_.requests.Add();
  const std::string words = guard_.heavy().scripts.words();
  sink_.OnFailure(ticket,
                  {.code = wire::ErrorCode::kNodeBusy, .pool = settings_.pool, .node = settings_.node, .words = words});
  return false;
}

NodeConnection* LinkGroup::AnyReady() const {
  const auto ready = std::ranges::find_if(connections_, [](const auto& connection) { return connection->ready(); });
  return ready != connections_.end() ? ready->get() : nullptr;
}

bool LinkGroup::is_closed() const {
  return std::ranges::all_of(connections_, [](const auto& connection) {
    return connection->state() == LinkState::kClosed || connection->state() == LinkState::kIdle;
  });
}

size_t LinkGroup::in_flight() const {
  return std::accumulate(connections_.begin(), connections_.end(), size_t{0},
                         [](size_t sum, const auto& connection) { return sum + connection->in_flight(); });
}

}  // namespace ringproxy::backends
