// conf/validate_limits.h – The rules of limits, global_limits, priority and the pools' concurrency.
//
// Purpose: a limit that could not hold, or could never apply, is refused instead of being ignored. The names of
// commands are the exception: only their form is looked at here, because the command tables stand in backends, which
// conf may not include; who compiles the limits checks the names.
// Threads: a function without state.
#pragma once

#include "conf/config.h"
#include "conf/source.h"

namespace ringproxy::conf {

// Reports each broken rule to `source`, as Validate does.
void ValidateLimits(const Config& config, Source& source);

}  // namespace ringproxy::conf
