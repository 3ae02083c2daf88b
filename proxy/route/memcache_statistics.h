// proxy/route/memcache_statistics.h – Adds up the `stats` of several memcached nodes, so that what reads one server's
// statistics can read a fleet's.
//
// Threads: a pure function.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ringproxy::proxy {

// Appends one STAT line for each name that some reply has, in the order of their first appearance, without END. Numbers
// are summed, save for those where another rule makes sense (a table in the source); of texts the first one stands.
// `replies`: whole replies that end with END.
void AppendMergedStatistics(std::span<const std::string_view> replies, std::string* out);

}  // namespace ringproxy::proxy
