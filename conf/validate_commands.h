// conf/validate_commands.h – The rules of commands.
//
// Purpose: a row by which requests could not be sent, or would be sent to a wrong node, is refused. That its name is
// none that ringproxy knows is looked at elsewhere, since the command tables stand in backends, which conf may not
// include. Threads: a function without state.
#pragma once

#include "conf/config.h"
#include "conf/source.h"

namespace ringproxy::conf {

// Reports each broken rule to `source`, as Validate does.
void ValidateCommands(const Config& config, Source& source);

}  // namespace ringproxy::conf
