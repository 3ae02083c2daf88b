// backends/link/lane_table.h – Which of a node's connections serves a lane.
//
// Purpose: the requests of one lane (a session) take one connection, so that they reach the node in the order sent. A
// lane has a home among the connections. While that is not ready any other one serves; the lane changes only when
// nothing of it is in flight on the connection that it leaves.
// Lanes share places, a fixed number for each connection.
// Threads: its worker's. Requires: the same connections in each call.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backends/link/node_connection.h"

namespace ringproxy::backends {

class LaneTable {
 public:
  using Connections = std::span<const std::unique_ptr<NodeConnection>>;
  struct LanePlace {
    uint32_t connection;
    uint64_t last = 0;  // What NodeConnection::sent() was after its last request.
  };

  explicit LaneTable(uint32_t connections) {
    for (uint32_t i = 0; i < connections * kPlacesPerConnection; ++i) places_.push_back({i % connections});
  }

  // The place of the lane, whose `connection` is the one to take now.
  LanePlace& Find(Connections connections, uint32_t lane) {
    const uint32_t number = lane % static_cast<uint32_t>(places_.size());
    LanePlace& place = places_[number];
    const bool at_home = place.connection == number % connections.size();
    if (!at_home || !connections[place.connection]->ready()) [[unlikely]]
      Move(connections, number);
    return place;
  }

 private:
  static constexpr uint32_t kPlacesPerConnection = 8;

  void Move(Connections connections, uint32_t number);

  std::vector<LanePlace> places_;
};

}  // namespace ringproxy::backends
