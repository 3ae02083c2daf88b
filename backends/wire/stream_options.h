// backends/wire/stream_options.h – The options of XREAD and XREADGROUP, read as Redis reads them.
//
// A consumer may be called BLOCK and a group STREAMS, so the words count only where an option may stand.
// Threads: a pure function.
#pragma once

#include <cstddef>

#include "backends/wire/ascii.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

struct StreamOptions {
  size_t streams = 0;   // Where the word STREAMS stands; request.size() or more if Redis would not get there.
  bool blocks = false;  // BLOCK was given.
  size_t wait = 0;      // Then: where its milliseconds stand, if they do.
};

inline StreamOptions ReadStreamOptions(const Request& request) {
  StreamOptions options;
  size_t i = 1;
  for (; i < request.size(); ++i) {
    if (EqualsIgnoringCase(request[i], "streams")) break;
    if (EqualsIgnoringCase(request[i], "block")) {
      options.blocks = true;
      options.wait = ++i;
    } else if (EqualsIgnoringCase(request[i], "count")) {
      ++i;
    } else if (EqualsIgnoringCase(request[i], "group")) {
      i += 2;
    } else if (!EqualsIgnoringCase(request[i], "noack")) {
      i = request.size();  // A syntax error to Redis.
    }
  }
  options.streams = i;
  return options;
}

}  // namespace ringproxy::wire
