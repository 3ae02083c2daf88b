// tools/ringskew/advice.h – What to change and what it will give, in sentences, with the lines of configuration that do
// it.
#pragma once

#include "tools/ringskew/forecast.h"
#include "tools/ringskew/report.h"

namespace ringproxy::ringskew {

// A key below is not hot, however even all others are.
inline constexpr double kHotShare = 0.001;

// On how many of `nodes` a key of this share of the requests would have to lie, so that a copy costs its node at most
// half of its fair share: ceil(p * N / 0.5), at most all.
uint32_t CopiesNeeded(double share, size_t nodes);

// Fills report.causes, cures, advice and yaml. Requires: all other figures are known.
void AddAdvice(const Forecast& forecast, Report& report);

}  // namespace ringproxy::ringskew
