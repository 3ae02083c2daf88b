#include "backends/link/link_group.h"

#include <cassert>
#include <numeric>

namespace ringproxy::backends {

LinkGroup::LinkGroup(const NodeLink::LinkParts& parts, NodeGuard& guard, ReplySink& sink, uint32_t count,
                     Flavour flavour)
    : lanes_(count) {
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
