// proxy/session/busy_words.h – What a client reads in place of the proxy's own answer while a script keeps the only
// node busy.
//
// Threads: its worker's. Pure.
#pragma once

#include <string>

#include "proxy/route/held_snapshot.h"
#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

// The node's own words, without the type of an error and its end; empty: it is not busy, the listener reaches several
// nodes, or the client waits for something itself, which may be the script. `replies`: the client's.
inline std::string BusyWords(const HeldSnapshot& held, uint32_t listener, const ReplyQueue& replies) {
  const std::vector<uint32_t>& pools = held->listeners[listener].pools;
  if (pools.size() != 1 || held->pools[pools.front()].nodes.size() != 1 || !replies.empty()) return {};
  return held->pools[pools.front()].nodes.front()->busy().words();
}

}  // namespace ringproxy::proxy
