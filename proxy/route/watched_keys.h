// proxy/route/watched_keys.h – What a worker remembers of single keys: the hottest and the biggest.
//
// Threads: its worker's. Lifetime: as KeySizes.
#pragma once

#include "proxy/route/hot_keys.h"
#include "proxy/route/key_sizes.h"

namespace ringproxy::proxy {

struct WatchedKeys {
  WatchedKeys(size_t pools, backends::ReplySink& sink) : hot(pools), sizes(pools, sink) {}
  void Tick() {
    hot.Tick();
    sizes.Tick();
  }

  HotKeys hot;
  KeySizes sizes;
};

}  // namespace ringproxy::proxy
