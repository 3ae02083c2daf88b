// backends/wire/fault.h – Whether a node's reply says that the node is sick, as opposed to the request wrong.
//
// Purpose: any well-formed reply is a success to most proxies, -LOADING for every request too (envoy#23057). Here the
// words of an error decide.
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

// A whole reply. LOADING, MASTERDOWN, CLUSTERDOWN, BUSY, READONLY, OOM, MISCONF, TRYAGAIN, NOREPLICAS are hard;
// WRONGTYPE, ERR, NOSCRIPT, MOVED and every other word are none.
Fault RedisFault(std::string_view reply);

// SERVER_ERROR is soft, but for an object that is too large; ERROR and CLIENT_ERROR are none.
Fault MemcacheFault(std::string_view reply);

}  // namespace ringproxy::wire
