// backends/wire/memcache_rewrite.h – Requests of memcached clients as one node is to read them.
//
// Two things depend on the node: cas tokens carry its tag (memcache_cas.h), and where it stands in for a key's owner no
// expiry may be longer than a cap (expiry_cap.h). Everything else is passed on: unlike a gutter's (gutter_request.h),
// any request may go to a node that stands in.
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>

#include "backends/wire/expiry_cap.h"
#include "backends/wire/memcache_cas.h"
#include "backends/wire/memcache_command.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

struct MemcacheRewrite {
  CasPlace cas = CasPlace::kNone;  // kArgument or kFlags: tokens there lose `tag`.
  CasTag tag = 0;
  std::optional<ExpiryCap> cap;
};

// Appends the request with its expiries capped and its tokens as the node knows them. Words that ask for quiet, or were
// blanked for that, are left out: nodes have to answer each request (semantics.md 27). An ms that may create an item
// gains T where it has none.
// Of a request in binary only the expiry is changed: its token is the link's to change.
// Requires: the request is a MemcacheParser's or MemcacheBinaryParser's and has been accepted.
void AppendForNode(const Request& request, const MemcacheRewrite& rewrite, std::string* out);

}  // namespace ringproxy::wire
