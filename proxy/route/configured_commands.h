// proxy/route/configured_commands.h – The operator's own commands, `commands` of the configuration, as rows of the
// command table: from then on they are commands like all others, for limits, metrics and COMMAND too.
//
// Threads: before any other one is started.
#pragma once

#include <string>
#include <vector>

#include "backends/wire/command.h"
#include "conf/config.h"

namespace ringproxy::proxy {

// What conf/validate cannot know: names of commands that ringproxy has by itself. One line for each.
std::vector<std::string> TakenCommandNames(const conf::Config& config);

// With those that stand for what nodes tell of, where pools learn. Their names are views into `config`. Requires: it
// keeps the rules of conf/validate.
std::vector<wire::CommandSpec> ConfiguredRows(const conf::Config& config);

// Takes them into the table of the process. Requires: TakenCommandNames is empty.
void UseConfiguredCommands(const conf::Config& config);

}  // namespace ringproxy::proxy
