// backends/wire/key_mark.h – Whether a memcached reply names what its request has asked for.
//
// Purpose: replies bear no number, and one that is out of step is well formed. But a VALUE names its key, and a meta
// reply repeats the flags O and k: one that names another's is somebody else's, and so are all behind it (semantics.md
// 40). A mark is what is remembered of a request until then; it fits into the entry of one in flight. Of up to
// kMostMarked keys it is a filter, which tells most other keys.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringproxy::wire {

struct KeyMark {
  enum class Kind : uint8_t {
    kNone,
    kOne,      // get, gat and their like: the hash of the key that a VALUE has to name.
    kSeveral,  // Likewise, a bit for each key.
    kOpaque,   // Meta: the hash of the flag O.
    kKey,      // Meta: of the flag k.
    kDebug,    // me: of its key.
    kBinary,   // Opcode and opaque of a packet: see BinaryMarkOf.
  };
  static constexpr size_t kMostMarked = 16;

  bool operator==(const KeyMark&) const = default;

  uint32_t bits = 0;
  Kind kind = Kind::kNone;
};

// Of a request in text as a node gets it; of kind kNone where nothing can be said of its reply: a base64 key comes back
// in another spelling.
KeyMark KeyMarkOf(std::string_view request);

// Requires: `reply` is whole and `mark` is of a kind of text. Misses and errors name nothing.
bool NamesAnother(std::string_view reply, KeyMark mark);

}  // namespace ringproxy::wire
