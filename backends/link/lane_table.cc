#include "backends/link/lane_table.h"

namespace ringproxy::backends {

namespace {

// How soon it serves a request; 0: not at all.
int SoonnessOf(const NodeConnection& connection) {
  if (connection.ready()) return 4;
  if (!connection.accepts()) return 0;
  if (connection.state() != LinkState::kBackoff) return 3;
  // Of those that wait until they may be opened, one for which a client waits goes first.
  return connection.in_flight() > 0 ? 2 : 1;
}

}  // namespace

void LaneTable::Move(Connections connections, uint32_t number) {
  LanePlace& place = places_[number];
  if (connections[place.connection]->pipeline().StandingOf(place.last) != ReplyPipeline::Standing::kGone) return;
  const auto count = static_cast<uint32_t>(connections.size());
  const uint32_t home = number % count;
  uint32_t to = home;
  if (!connections[home]->ready() && !connections[place.connection]->ready()) {
    // The places of one home go different ways.
    const auto better = [&](uint32_t a, uint32_t b) {
      return SoonnessOf(*connections[a]) > SoonnessOf(*connections[b]);
    };
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t other = (home + number / count + i) % count;
      if (better(other, to)) to = other;
    }
  } else if (!connections[home]->ready()) {
    to = place.connection;
  }
  if (to != place.connection) place = {to, connections[to]->pipeline().sent()};
}

}  // namespace ringproxy::backends
