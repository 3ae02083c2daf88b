// proxy/session/memcache_binary_front.h – A client that speaks memcached's binary protocol.
//
// A packet goes to its node as it is, over links that speak binary too: nothing has to be translated, and a reply names
// its request. Two fields are changed on the way and changed back (reply_queue.h): a quiet opcode becomes the loud one,
// so that each request has one reply, and the opaque becomes the proxy's own, by which a link sees that a reply is
// another's. What concerns all nodes goes in text, over the links of the text protocol, when all before it is answered.
// Threads, ownership: as protocol_front.h.
#pragma once

#include <string_view>

#include "backends/wire/memcache_binary_request.h"
#include "proxy/session/protocol_front.h"

namespace ringproxy::proxy {

class MemcacheBinaryFront final : public ProtocolFront {
 public:
  explicit MemcacheBinaryFront(const ClientParts& parts) : ProtocolFront(parts) { SpeakBinary(); }

 private:
  using Parser = wire::MemcacheBinaryParser;

  FrontStep ProcessOne() override;
  size_t bytes_needed() const override { return needed_; }
  FrontStep RefuseHalfRead() override;

  // The links that the next request takes.
  void SpeakBinary() { client().flavour.protocol = backends::Flavour::kBinary; }
  void SpeakText() { client().flavour = {}; }

  FrontStep HandleRequest(const Parser& parser);
  FrontStep SendToNode(const Parser& parser, const wire::CommandSpec& spec);
  // flush, stat.
  FrontStep SendInWords(const Parser& parser);
  FrontStep Refuse(const Parser& parser);
  FrontStep End(const Parser& parser);
  // See MemcacheFront. Requires: the key is here.
  FrontStep RefuseItem(const Parser& parser);
  void DropItem(std::string_view key, wire::ReplyWish wish);
  // `text`: what a client of the text protocol would read.
  void Answer(std::string_view text, const Parser& parser);
  bool Swallow();
  // No other client's request that is under way has it, and this one's have others.
  uint32_t NextOpaque();
  void Count(const wire::CommandSpec& spec);

  size_t needed_ = 0;
  uint64_t swallow_ = 0;  // Bytes to come that belong to a refused request.
};

}  // namespace ringproxy::proxy
