// conf/print.h – A Config as the complete YAML file that means the same.
//
// Purpose: --print-config; what a default is, and what a file with aliases and short forms came to.
// Promise: ParseConfig(PrintConfig(c)) == c for every valid c. Every option is written; secrets never are, only the
// files they stand in.
// Threads: pure.
#pragma once

#include <string>

#include "conf/config.h"

namespace ringproxy::conf {

std::string PrintConfig(const Config& config);

}  // namespace ringproxy::conf
