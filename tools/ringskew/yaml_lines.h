// tools/ringskew/yaml_lines.h – Lines of configuration to paste. Threads: pure functions.
#pragma once

#include <string>

#include "conf/config.h"

namespace ringproxy::ringskew {

// One option of a pool's ring: "virtual_nodes: 512".
std::string RingLines(const conf::Pool& pool, const std::string& option);

// The pool's nodes with their weights, and of a vnode ring how many virtual nodes a unit has.
std::string WeightLines(const conf::Pool& pool);

}  // namespace ringproxy::ringskew
