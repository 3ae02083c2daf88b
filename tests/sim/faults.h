// tests/sim/faults.h – What may go wrong with nodes, drawn from the seed.
//
// Purpose: one fault has a kind, its victims and its length, and undoes itself. Several may overlap: the first that
// ends may end another of its kind on the same node.
#pragma once

#include <span>
#include <string>

#include "tests/sim/sim_node.h"

namespace ringproxy::sim {

// Begins a random fault at one of the nodes, some, or all. It is over by `end` at the latest. Returns its description.
std::string BeginFault(SimLoop& loop, std::span<const std::unique_ptr<SimNode>> nodes, net::TimePoint end);

}  // namespace ringproxy::sim
