// backends/lane.h – Which of a node's links the requests of one client take.
//
// Purpose: requests that share a lane reach the node in the order sent, over links of one flavour. A flavour is what a
// link was made to be by its greeting and keeps until it closes: the protocol version and the database of all that is
// sent through it. Threads: values.
// Requires of whoever has a lane: two flavours are two ways to the node, and nothing says which is faster. So a lane
// takes another flavour only when all that it has sent in the former one is answered or has failed; then a client that
// selects a database finds there what it wrote before.
#pragma once

#include <cstdint>

namespace ringproxy::backends {

struct Flavour {
  uint16_t database = 0;
  // Of `protocol`: the binary one of memcached, whose plain flavour is text.
  static constexpr uint8_t kBinary = 0x80;

  uint8_t protocol = 2;  // RESP2 or RESP3; kBinary.
  // Some node may have a link for this lane alone, which then takes all that the lane sends there: see PinnedLinks.
  bool is_pinned = false;

  // That of the links which are opened at start and kept.
  constexpr bool is_binary() const { return protocol == kBinary; }
  constexpr bool is_plain() const { return *this == Flavour{}; }
  constexpr bool operator==(const Flavour&) const = default;
};

struct Lane {
  constexpr Lane(uint32_t lane_number = 0, Flavour lane_flavour = {})  // NOLINT: a number alone is a plain lane.
      : number(lane_number), flavour(lane_flavour) {}

  uint32_t number;
  Flavour flavour;
};

}  // namespace ringproxy::backends
