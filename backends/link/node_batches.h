// backends/link/node_batches.h – What a worker's links have to write at the end of a turn.
//
// Purpose: all requests of a turn leave a link in one write. A few small ones may stay for one turn more: when other
// clients have theirs on the way, that spares several writes. Threads: its worker's.
#pragma once

#include "backends/link/flushable.h"

namespace ringproxy::backends {

class NodeBatches {
 public:
  // Where a link enters itself once it has something to write.
  FlushList& list() { return list_; }
  bool empty() const { return list_.empty(); }
  // They wait for the next turn, which is to come at once.
  bool held() const { return held_; }
  // At the end of a turn. A flush that breaks a connection fails its requests, and sends nothing new.
  void Flush(bool may_hold);

 private:
  bool IsSmall() const;

  FlushList list_;
  bool held_ = false;
};

}  // namespace ringproxy::backends
