// tools/ringskew/live.h – What a running proxy has measured, as a report: /api/v1/pools, /api/v1/skew, /api/v1/hotkeys.
//
// It has no keys, only shares: what needs keys (a sweep, a what-if) is not in it. Threads: one.
#pragma once

#include <string>

#include "conf/result.h"
#include "tools/ringskew/report.h"

namespace ringproxy::ringskew {

struct LiveSource {
  std::string url;    // "http://127.0.0.1:9180"
  std::string pool;   // Empty when the proxy has one.
  std::string token;  // Of the admin port; empty: none.
};

conf::Result<Report, std::string> LiveReport(const LiveSource& source, double target);

}  // namespace ringproxy::ringskew
