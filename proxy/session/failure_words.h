// proxy/session/failure_words.h – What a client reads instead of a node's reply, in the words of its protocol.
//
// Threads: any. Pure.
#pragma once

#include <string>

#include "backends/wire/error_text.h"
#include "backends/wire/memcache_command.h"
#include "conf/config.h"

namespace ringproxy::proxy {

inline void AppendFailure(conf::Protocol protocol, const wire::Failure& failure, std::string* out) {
  if (protocol == conf::Protocol::kMemcached) return wire::AppendMemcacheError(failure.code, out);
  wire::AppendRedisError(failure, out);
}

// As if there were no such item; false, and nothing appended, where that cannot be said.
inline bool AppendMiss(conf::Protocol protocol, const wire::CommandSpec& spec, const wire::Request& request,
                       std::string* out) {
  return protocol == conf::Protocol::kMemcached &&
         wire::AppendMiss(*wire::FindMemcacheCommand(spec.name), request, out);
}

}  // namespace ringproxy::proxy
