// tools/benchmark/canned_memcache.h – A memcached that stores nothing: one request of the text or the binary protocol,
// answered. Purpose: as canned_replies.h for Redis; the value of a key is the key itself, then filler. Threads: one.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "tools/benchmark/canned_output.h"

namespace ringproxy::bench {

// Answers the request that `bytes` start with and returns its length; 0: it is not wholly there. Nothing: no request
// of those that are known (get, set, mn, version; in binary get and noop).
std::optional<size_t> AnswerMemcache(std::string_view bytes, CannedOutput& out);

}  // namespace ringproxy::bench
