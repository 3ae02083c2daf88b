// backends/net/event_home.h – Where events happen: libevent's base, and the clock of its loop.
//
// Lifetime: its owner's, which outlives all events. Threads: its loop's.
#pragma once

#include "backends/net/loop.h"

struct event_base;

namespace ringproxy::net {

struct EventHome {
  event_base* base;
  const Clock& clock;

  // The first act of every callback. libevent offers no hook between waking and the first event, so the turn's first
  // now() is what tells when it began: what is done before it would pass for sleep.
  void Wake() const { clock.now(); }
};

}  // namespace ringproxy::net
