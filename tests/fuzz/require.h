// tests/fuzz/require.h – What a fuzz target claims. It does not depend on assertions being on.
#pragma once

#include <cstdlib>

namespace ringproxy::test {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace ringproxy::test
