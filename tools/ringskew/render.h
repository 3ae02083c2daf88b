// tools/ringskew/render.h – A report as text for a terminal, JSON, CSV or one HTML page.
//
// Threads: pure functions.
#pragma once

#include <string>

#include "tools/ringskew/report.h"

namespace ringproxy::ringskew {

// How a heading counts the keys: "100,000 keys from ", of a log "about 12,000 keys in 1,000,000 lines of ".
std::string KeysFrom(const Report& report);

// Aligned columns; `colour` only for a terminal.
std::string RenderTable(const Report& report, bool colour);
// {"version": 1, …}: names as in report.h, shares as parts of 1. A later version adds names and changes none.
std::string RenderJson(const Report& report);
// One line a node, under a line of names; the sweep behind an empty line.
std::string RenderCsv(const Report& report);
// Everything in one file: no network, no script.
std::string RenderHtml(const Report& report);

}  // namespace ringproxy::ringskew
