// proxy/command_line.h – What the command line asks for. The only door to Boost.Program_options.
//
// Purpose: from the arguments either a Config to run with, or everything is done already (--help, --check,
// --print-config, a mistake) and the process ends with an exit code.
// Threads: call once, before any thread starts. Reads the configuration file; opens nothing else.
#pragma once

#include <ostream>
#include <string>
#include <variant>

#include "conf/config.h"

namespace ringproxy::proxy {

enum class ExitCode : int {
  kClean = 0,
  kBadConfiguration = 1,
  kBadUsage = 2,
  kCannotListen = 3,
};

// Run the proxy with this.
struct RunConfig {
  conf::Config config;
  std::string config_file;  // What a reload reads again; empty without a file.
};

// Without a file (`--redis A,B`) the configuration is one pool and one listener, both named `redis`. The listener is
// on loopback unless --listen says otherwise: nodes that need no password shall not become public by a short command.
std::variant<RunConfig, ExitCode> ParseCommandLine(int argc, const char* const* argv, std::ostream& out,
                                                   std::ostream& err);

}  // namespace ringproxy::proxy
