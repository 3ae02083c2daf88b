// tools/benchmark/idle_hold.h – Holds idle connections, so that what each costs the proxy can be read from outside.
#pragma once

#include "tools/benchmark/load_options.h"

namespace ringproxy::bench {

// Opens options.idle connections (one PING on each if asked), prints "ready", and holds them until standard input ends.
void HoldIdle(const LoadOptions& options);

}  // namespace ringproxy::bench
