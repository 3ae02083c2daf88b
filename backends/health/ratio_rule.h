// backends/health/ratio_rule.h – The question of every rule that goes by a share.
#pragma once

#include <cstdint>

#include "conf/config.h"

namespace ringproxy::backends {

// Whether `part` of `whole` reach a ratio that is on.
inline bool Reaches(uint64_t part, uint64_t whole, conf::Ratio ratio) {
  return ratio.thousandths > 0 && part * 1000 >= whole * ratio.thousandths;
}

}  // namespace ringproxy::backends
