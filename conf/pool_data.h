// conf/pool_data.h – Whether a pool holds a cache, and what only a cache may use.
//
// Purpose: some options may lose what was written, or bring an older value back: a neighbour that stands in for a dead
// node keeps what it took, a node that returns is emptied, a gutter forgets. Where a miss is harmless that is a gain;
// in a store it is a loss, and nobody should have it by a line that speaks of availability. Such options are refused
// for a store.
// Threads: functions without state.
#pragma once

#include "conf/config.h"
#include "conf/source.h"

namespace ringproxy::conf {

// A pool whose file does not say `data` is a store, unless it uses what only a cache may: then it was written for a
// cache, before the option existed. It is taken for one, and Hints says so.
void SettleData(Config& config, const Source& source);

// Reports each option that a store may not use, and those of a cache that do not go together.
void ValidateData(const Config& config, Source& source);

}  // namespace ringproxy::conf
