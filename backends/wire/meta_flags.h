// backends/wire/meta_flags.h – The flags of a meta command that concern the proxy; all others are the node's to judge.
//
// Threads: none of its own; a value.
#pragma once

#include "backends/wire/memcache_line.h"

namespace ringproxy::wire {

struct MetaFlags {
  bool base64 = false;       // b: the key is encoded.
  bool wants_key = false;    // k: it is to be part of the reply.
  bool has_cas = false;      // c, C, E: there is a token, or one is asked for.
  bool quiet_twice = false;  // A second q; what follows it was not read.
  size_t quiet = 0;          // The word that is the flag q; 0: there is none.
};

// Of the words from `first` on, which are no command's name.
inline MetaFlags ReadMetaFlags(const MemcacheLine& line, size_t first) {
  MetaFlags flags;
  for (size_t i = first; i < line.size(); ++i) {
    switch (line[i].front()) {
      case 'b': flags.base64 = true; break;
      case 'k': flags.wants_key = true; break;
      case 'c':
      case 'C':
      case 'E': flags.has_cas = true; break;
      case 'q':
        if (flags.quiet > 0) {
          flags.quiet_twice = true;
          return flags;
        }
        flags.quiet = i;
        break;
      default: break;
    }
  }
  return flags;
}

}  // namespace ringproxy::wire
