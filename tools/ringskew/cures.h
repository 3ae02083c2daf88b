// tools/ringskew/cures.h – What explains an uneven load, and what each thing that could be done about it would give.
//
// Threads: pure functions.
#pragma once

#include <vector>

#include "tools/ringskew/forecast.h"
#include "tools/ringskew/report.h"

namespace ringproxy::ringskew {

// How often the fullest node's load, taken apart, is more than chance: deviations.
inline constexpr double kBeyondChance = 3;
// Tagged keys that may make a load uneven.
inline constexpr double kTagged = 0.01;

// What explains most first. Requires: the report's nodes, spreads and shares are known.
std::vector<CauseRow> FindCauses(const Forecast& forecast, const Report& report);

// One of each kind that the pool can have, in the order of the causes.
std::vector<CureRow> FindCures(const Forecast& forecast, const Report& report);

}  // namespace ringproxy::ringskew
