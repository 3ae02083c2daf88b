// backends/net/keepalive.h – When a TCP peer that has vanished without a word is given up.
//
// Threads: any.
#pragma once

#include "backends/net/loop.h"

namespace ringproxy::net {

// A peer of which nothing has come for `keepalive` is asked three times, a sixth of that apart, whether it is there;
// one that acknowledges nothing of what was sent, or reads nothing of it, is given up after the same time in all. Whole
// seconds, rounded up. 0 = never, and nothing is done.
void SetKeepalive(int fd, Duration keepalive);

}  // namespace ringproxy::net
