// tools/ringskew/advice.h – What to change, in sentences, with the lines of configuration that do it.
#pragma once

#include "conf/config.h"
#include "tools/ringskew/report.h"

namespace ringproxy::ringskew {

// A key below is not hot, however even all others are.
inline constexpr double kHotShare = 0.001;

// On how many of `nodes` a key of this share of the requests would have to lie, so that a copy costs its node at most
// half of its fair share: ceil(p * N / 0.5), at most all.
uint32_t CopiesNeeded(double share, size_t nodes);

// Fills report.advice and report.yaml from its figures.
void AddAdvice(const conf::Pool& pool, Report& report);

}  // namespace ringproxy::ringskew
