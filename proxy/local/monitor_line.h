// proxy/local/monitor_line.h – A command as MONITOR shows it.
//
// Promise: no password is in it. Commands about how servers run are not shown, since any of their words may be one; of
// others what stands in a place for one is cut out. Bounds: kMostArguments of kMostArgumentBytes, as in a slow log.
// Threads: any. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "backends/wire/command.h"
#include "backends/wire/request.h"

namespace ringproxy::proxy {

inline constexpr size_t kMostMonitorArguments = 32;
inline constexpr size_t kMostMonitorArgumentBytes = 128;

bool IsShownToMonitors(const wire::CommandSpec& spec);

// Requires: IsShownToMonitors(spec), and that the request has the command's arity.
void AppendMonitorLine(std::chrono::microseconds since_epoch, uint16_t database, std::string_view address,
                       const wire::CommandSpec& spec, const wire::Request& request, std::string* out);

}  // namespace ringproxy::proxy
