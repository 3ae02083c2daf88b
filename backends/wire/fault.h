// backends/wire/fault.h – Whether a node's reply says that the node is sick, as opposed to the request wrong.
//
// Purpose: any well-formed reply is a success to most proxies, -LOADING for every request too (envoy#23057). Here the
// words of an error decide, provided that the node has chosen them. A node that refuses writes alone is not sick: it
// still serves the reads, and the deletes that help it.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringproxy::wire {

enum class Fault : uint8_t {
  kNone,
  kSoft,  // Perhaps the request's fault: it counts in a share of many, not in a row.
  kHard,
};

// What a request makes its node do, as far as the node is judged by its reply.
enum class Work : uint8_t {
  kPlain,     // Its words are the node's, and it should not take long.
  kForeign,   // Its words may be a library's or a module's and say nothing of the node; it should not take long.
  kBlocking,  // It waits for other clients: neither its words nor its time say anything, and it is no load.
  kHeavy,     // Its words are the node's; how long it takes is the request's doing.
  kScript     // A client's script or function can answer anything after any time, so nothing of it is evidence.
};

// Whether it should be done at once, so that the clock may judge who does it.
constexpr bool IsBrief(Work work) {
  return work <= Work::kForeign;
}

// Requires: `reply` is whole. LOADING, MASTERDOWN and CLUSTERDOWN are hard: whatever is asked reads them. CLUSTERDOWN
// of one slot or of writes alone, OOM, READONLY, MISCONF, NOREPLICAS, TRYAGAIN, BUSY (some client's script runs for
// long) and every other word are none.
Fault RedisFault(std::string_view reply);

// Whether a reply to PING comes from a node that serves somebody: +PONG, or an error that refuses writes alone (PING
// reads MISCONF while the node cannot save), that refuses PING itself to a user who is logged in (NOPERM), or that
// refuses everything until a client's script ends (BUSY).
bool IsAliveToPing(std::string_view reply);

// SERVER_ERROR is soft, but for a write that a full node or its limit on sizes refuses; ERROR and CLIENT_ERROR are
// none.
Fault MemcacheFault(std::string_view reply);

}  // namespace ringproxy::wire
