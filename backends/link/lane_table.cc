#include "backends/link/lane_table.h"

namespace ringproxy::backends {

void LaneTable::Move(Connections connections, uint32_t number) {
  LanePlace& place = places_[number];
  if (!connections[place.connection]->pipeline().IsGone(place.last)) return;
  const auto count = static_cast<uint32_t>(connections.size());
  const uint32_t home = number % count;
  uint32_t to = home;
  if (!connections[home]->ready() && !connections[place.connection]->ready()) {
    // A ready one before one that will be ready soon. The places of one home go different ways.
    const auto better = [&](uint32_t a, uint32_t b) {
      const NodeConnection& x = *connections[a];
      const NodeConnection& y = *connections[b];
      return x.ready() != y.ready() ? x.ready() : x.accepts() && !y.accepts();
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
