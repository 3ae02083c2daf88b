// conf/print.h – A Config as the YAML file that means the same.
//
// Purpose: PrintConfig is --print-config: what a default is, and what a file with aliases and short forms came to.
// PrintChanges is for whoever makes a file for people to go on with.
// Promise: ParseConfig(PrintConfig(c)) == c for every valid c, save that no pool of it is taken_for_cache, since `data`
// is written; and so it is for PrintChanges, whatever the comments are. Secrets are never written, only the files they
// stand in. Threads: pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace ringproxy::conf {

// Lines by the path of what they stand before: pools.sessions.ring.hash, listeners[0], pools.sessions.nodes[1].
using Comments = std::map<std::string, std::vector<std::string>>;

// Every option.
std::string PrintConfig(const Config& config);

// What differs from the defaults. A comment on an option that is left out stands where that would.
std::string PrintChanges(const Config& config, const Comments& comments);

// One comment as lines of bearable length; what cannot be shown is escaped.
std::string WrapComment(std::string_view text, const std::string& indent);

}  // namespace ringproxy::conf
