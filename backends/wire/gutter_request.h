// backends/wire/gutter_request.h – Requests as a gutter pool may see them, the pool that takes the keys of a dead node.
//
// Purpose: what is written to a gutter must be gone soon after the node is back, or a later failure would bring it up
// again. So every expiry is capped, and what has none is given one. The row's column Gutter says which commands may be
// asked at all and why others may not; here the arguments are judged too:
//   Redis      SET with EX or PX is capped, without options it gains EX; with any other (NX, XX, GET: conditions;
//              KEEPTTL; EXAT, PXAT) it is refused. GETEX likewise, but without options it stays as it is. SETEX,
//              PSETEX, EXPIRE and PEXPIRE are capped, EXPIRE's conditions refused.
//   memcached  An exptime is capped as expiry_cap.h says. ms gains T where it has none.
//   meta       Only flags known to be harmless pass. Refused are all that concern compare-and-swap (c, C, E), marks of
//              staleness (I, T of md) and the lock of whoever is to compute a value (N, R), every mode but MS, flags
//              given twice and flags that are not known.
//   binary     Every expiry is capped; a set with a token is a cas, which may not pass. Tokens of replies are the
//   gutter's own.
// A number that is none, or is not one to every server, is refused: what a server made of it would be a guess. Any
// other is capped, however large. Zero and less stay in Redis' requests: a server refuses them, or deletes the key.
// What passes carries no cas token and asks for none. See memcache_cas.h.
// Threads: pure functions.
#pragma once

#include <string>

#include "backends/wire/command.h"
#include "backends/wire/expiry_cap.h"
#include "backends/wire/request.h"

namespace ringproxy::wire {

// Appends the request as a gutter pool may see it: every expiry at most `cap.longest`. False, and nothing appended: it
// may not be sent there. Where `spec.gutter` is kAsIs that is the encoded request, kNo is always false. What is
// appended is one whole request with one reply, of the same form and with the same key and value. Values are copied
// once, and only when the request passes. Words of memcached's that ask for quiet, or were blanked for that, are left
// out where a line is rewritten. Requires: `spec` is the request's; CheckShape is kOk, or the request is a
// MemcacheParser's and what it calls unwanted is blanked.
bool AppendGutterRequest(const CommandSpec& spec, const Request& request, ExpiryCap cap, std::string* out);

}  // namespace ringproxy::wire
