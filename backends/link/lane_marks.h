// backends/link/lane_marks.h – Up to where each lane has sent something over each of a node's connections.
//
// Purpose: who waits for nothing on a connection whose oldest request is a script need not stand behind it, but may
// read what the node says to everybody else. Lanes whose numbers differ by a multiple of kPlaces share a place, and
// then each counts for the other: it waits, as it would without this. Kept only while scripts are under way. Threads:
// its worker's.
#pragma once

#include <cstdint>
#include <vector>

#include "backends/link/lane_table.h"

namespace ringproxy::backends {

class LaneMarks {
 public:
  static constexpr uint32_t kPlaces = 256;

  // Whatever was sent before may be anybody's.
  explicit LaneMarks(LaneTable::Connections connections) {
    for (const auto& connection : connections) {
      const uint64_t sent = connection->pipeline().sent();
      marks_.insert(marks_.end(), kPlaces, {sent, sent});
    }
  }

  // The lane has just sent something over the connection, which was its last request.
  void Note(LaneTable::Connections connections, uint32_t connection, uint32_t lane, bool is_script) {
    LaneMark& mark = marks_[PlaceOf(connection, lane)];
    mark.last = connections[connection]->pipeline().sent();
    if (is_script) mark.last_script = mark.last;
  }
  // It waits there for a reply to its last request, or to its last script.
  bool Waits(LaneTable::Connections connections, uint32_t connection, uint32_t lane) const {
    const LaneMark& mark = marks_[PlaceOf(connection, lane)];
    const ReplyPipeline& pipeline = connections[connection]->pipeline();
    return pipeline.StandingOf(mark.last) == ReplyPipeline::Standing::kWaits ||
           pipeline.StandingOf(mark.last_script) == ReplyPipeline::Standing::kWaits;
  }

 private:
  // By what ReplyPipeline::sent() was behind them.
  struct LaneMark {
    uint64_t last;
    uint64_t last_script;
  };
  static size_t PlaceOf(uint32_t connection, uint32_t lane) { return size_t{connection} * kPlaces + lane % kPlaces; }

  std::vector<LaneMark> marks_;
};

}  // namespace ringproxy::backends
