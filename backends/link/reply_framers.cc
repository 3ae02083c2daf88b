#include "backends/link/reply_framers.h"

#include "backends/wire/memcache_binary_reply.h"
#include "backends/wire/memcache_reply.h"
#include "backends/wire/resp_reply.h"

namespace ringproxy::backends {

std::unique_ptr<wire::ReplyFramer> NewReplyFramer(conf::Protocol protocol, Flavour flavour) {
  if (flavour.is_binary()) return std::make_unique<wire::MemcacheBinaryReplyFramer>();
  if (protocol == conf::Protocol::kMemcached) return std::make_unique<wire::MemcacheReplyFramer>();
  return std::make_unique<wire::RespReplyFramer>();
}

}  // namespace ringproxy::backends
