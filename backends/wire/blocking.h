// backends/wire/blocking.h – Commands that wait at the node for what others will write.
//
// Threads: pure functions.
#pragma once

#include <optional>

#include "backends/wire/command.h"

namespace ringproxy::wire {

// For how many seconds the node will wait, 0 being without end; nothing where it answers with an error, or where that
// cannot be told. Requires: IsPinned, and that it blocks.
std::optional<double> WaitOf(const CommandSpec& spec, const Request& request);

}  // namespace ringproxy::wire
