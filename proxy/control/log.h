// proxy/control/log.h – Sets up the process's log: stderr, as text or one JSON object a line.
//
// Threads: call once, before any thread starts.
#pragma once

#include "conf/config.h"

namespace ringproxy::proxy {

void SetUpLog(const conf::Log& log);

}  // namespace ringproxy::proxy
