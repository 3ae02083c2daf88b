#include "backends/link/item_size_question.h"

#include "backends/wire/integer.h"
#include "backends/wire/memcache_reply.h"

namespace ringproxy::backends {

void ItemSizeQuestion::Start(std::string* out) {
  out->append("stats settings\r\n");
}

Handshake::HandshakeStep ItemSizeQuestion::OnReply(std::string_view reply, std::string*) {
  constexpr std::string_view kName = "STAT item_size_max ";
  item_size_max_ = 0;
  while (!reply.empty()) {
    const std::string_view line = wire::TakeLine(&reply);
    if (!line.starts_with(kName)) continue;
    item_size_max_ = wire::ParseMemcacheNumber<uint64_t>(line.substr(kName.size())).value_or(0);
  }
  return HandshakeStep::kDone;
}

}  // namespace ringproxy::backends
