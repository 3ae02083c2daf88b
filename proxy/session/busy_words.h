// proxy/session/busy_words.h – What a client reads in place of the proxy's own answer while a script keeps the only
// node busy.
//
// Threads: its worker's. Pure.
#pragma once

#include <string>

#include "proxy/route/held_snapshot.h"
#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

// All that the listener reaches is one node.
inline bool HasOneNode(const HeldSnapshot& held, uint32_t listener) {
  const std::vector<uint32_t>& pools = held->listeners[listener].pools;
  return pools.size() == 1 && held->pools[pools.front()].nodes.size() == 1;
}

// The node's own words, without the type of an error and its end; empty: it is not busy, the listener reaches several
// nodes, or the client waits for something itself, which may be the script. `replies`: the client's.
inline std::string BusyWords(const HeldSnapshot& held, uint32_t listener, const ReplyQueue& replies) {
  if (!replies.empty() || !HasOneNode(held, listener)) return {};
  return held->pools[held->listeners[listener].pools.front()].nodes.front()->busy().words();
}

}  // namespace ringproxy::proxy
