// tools/ringskew/advice.h – What to change, in sentences, with the lines of configuration that do it.
#pragma once

#include "conf/config.h"
#include "tools/ringskew/report.h"

namespace ringproxy::ringskew {

// Fills report.advice and report.yaml from its figures.
void AddAdvice(const conf::Pool& pool, Report& report);

}  // namespace ringproxy::ringskew
