// backends/wire/memcache_binary_reply.h – Frames the replies of a memcached node that is spoken to in binary.
//
// Every request that goes there has one reply of one packet. Before the first packet a line of text is a frame, too: so
// answers a server that speaks text alone. Threads: one owner. Promise: as reply_framer.h, and constant work for a
// packet.
#pragma once

#include "backends/wire/memcache_binary.h"
#include "backends/wire/reply_framer.h"

namespace ringproxy::wire {

class MemcacheBinaryReplyFramer final : public ReplyFramer {
 public:
  FrameStatus Frame(std::string_view bytes) override;
  Fault FaultOf(std::string_view reply) const override;
  void Reset() override { speaks_binary_ = skipped_last_ = false; }
  uint64_t Skip() override;
  // Its servers send none.
  void MovePushesFirst(char*) override {}
  bool is_push() const override { return false; }

 private:
  FrameStatus FrameLine(std::string_view bytes);

  bool speaks_binary_ = false;  // A packet has come over this connection.
  bool skipped_last_ = false;   // The reply ends where the skipped part does.
};

}  // namespace ringproxy::wire
