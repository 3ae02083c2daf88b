// conf/hints.h – What a configuration may say and hardly means.
//
// Purpose: rules (conf/validate) refuse what cannot work; a hint names what works otherwise than it looks. --check and
// the log of a start show them, and neither fails of one.
// Threads: a pure function.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace ringproxy::conf {

// One line each: "pools.sessions.nodes[3]: its weight …". Requires: a Config that keeps the rules.
std::vector<std::string> Hints(const Config& config);

}  // namespace ringproxy::conf
