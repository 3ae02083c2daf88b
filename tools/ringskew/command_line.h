// tools/ringskew/command_line.h – What ringskew was asked to do.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>

#include "tools/ringskew/analysis.h"
#include "tools/ringskew/key_source.h"
#include "tools/ringskew/live.h"

namespace ringproxy::ringskew {

enum class Format : uint8_t { kTable, kJson, kCsv, kHtml };

// 0: a report; 1: the input is wrong; 2: bad usage; 3: a report of a part of the keys.
enum class ExitCode : int { kClean = 0, kBadInput = 1, kBadUsage = 2, kPartial = 3 };

struct Order {
  conf::Pool pool;
  bool scan = false;               // Read the keys from the pool's nodes.
  std::optional<LiveSource> live;  // Instead of keys and pool.
  KeySource keys;
  AnalysisOptions analysis;
  Format format = Format::kTable;
  std::string out;  // A file; empty: standard output.
};

// The order, or how to leave: help was printed, or what is wrong.
std::optional<Order> ParseCommandLine(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
                                      ExitCode* exit);

}  // namespace ringproxy::ringskew
