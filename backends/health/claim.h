// backends/health/claim.h – By what a request is let through to a node, and what becomes of that.
#pragma once

#include <cstdint>

#include "ring/ring.h"

namespace ringproxy::backends {

struct Claim {
  bool is_read;
  bool has_priority = false;  // It may use what a node's limit keeps in reserve.
};

enum class Admission : uint8_t {
  kGranted,
  kDown,  // By what is known of the node; another may stand in for it.
  kFull   // The node is well and has enough to do: its keys stay its own, or a load would run from node to node.
};

struct Choice {
  ring::NodeIndex node;
  Admission admission;
  bool stands_in = false;  // For the key's owner.
};

}  // namespace ringproxy::backends
