// proxy/session/memcache_front.h – A client that speaks memcached's text protocols, classic and meta.
//
// Threads, ownership: as protocol_front.h.
#pragma once

#include "backends/wire/memcache_request.h"
#include "proxy/session/protocol_front.h"

namespace ringproxy::proxy {

class MemcacheFront final : public ProtocolFront {
 public:
  using ProtocolFront::ProtocolFront;

 private:
  FrontStep ProcessOne() override;
  size_t bytes_needed() const override { return progress_.needed; }
  FrontStep RefuseHalfRead() override;

  FrontStep HandleRequest(const wire::MemcacheParser& parser);
  // quit, mn.
  FrontStep AnswerLocally(const wire::MemcacheParser& parser);
  void Refuse(const wire::MemcacheParser& parser);
  // The rest of a data block that was refused; true while there is input behind it.
  bool Swallow();
  FrontStep CloseBinaryClient();

  wire::MemcacheParser::Progress progress_;
  uint64_t swallow_ = 0;  // Bytes to come that belong to a refused request.
};

}  // namespace ringproxy::proxy
