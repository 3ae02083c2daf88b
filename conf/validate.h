// conf/validate.h – The rules that no single option can keep: between options, and with the world outside the file.
//
// Purpose: routes name pools that exist, names and addresses are unique, secrets can be read, and so on.
// Threads: functions without state; ReadSecrets reads files.
#pragma once

#include "conf/config.h"
#include "conf/result.h"
#include "conf/source.h"

namespace ringproxy::conf {

// Reports each broken rule to `source`. Skips rules about values that are already known to be wrong.
void Validate(const Config& config, Source& source);

// Fills Auth::password, Listener::password and Admin::token from the first lines of their files; reports those that
// cannot be used.
void ReadSecrets(Config& config, Source& source);

// A Config that was put together by hand (the command line without a file), once it keeps all the rules.
Result<Config> CheckedConfig(Config config);

}  // namespace ringproxy::conf
