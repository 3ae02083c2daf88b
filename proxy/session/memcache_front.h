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
  // quit, mn, and lists that the nodes are asked for one by one.
  FrontStep HandleApart(const wire::MemcacheParser& parser);
  void Refuse(const wire::MemcacheParser& parser);
  // The rest of a data block that was refused; true while there is input behind it.
  bool Swallow();
  // The item whose line is here is larger than any node takes, as far as they have said.
  bool NoNodeTakesItem();
  // One that is too large: its data is swallowed, and the item that it was to replace is dropped.
  FrontStep RefuseItem();
  // By this request. The client reads that its own was too large once the node has done so.
  void DropItem(std::string_view drop, wire::Quiet quiet);

  wire::MemcacheParser::Progress progress_;
  uint64_t swallow_ = 0;  // Bytes to come that belong to a refused request.
};

}  // namespace ringproxy::proxy
