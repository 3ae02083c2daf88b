// proxy/route/scratch.h – Containers that one request after another fills anew.
//
// Threads: pure.
#pragma once

#include <cstddef>

namespace ringproxy::proxy {

// Empties it and keeps its memory for the next request, unless that is much: one request with a million keys shall not
// cost its memory for ever.
template <typename Container>
void Recycle(Container* scratch) {
  constexpr size_t kKept = 4096;  // Elements.
  if (scratch->capacity() > kKept) Container().swap(*scratch);
  scratch->clear();
}

}  // namespace ringproxy::proxy
