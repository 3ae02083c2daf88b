#include "proxy/session/reply_queue.h"

#include <string>
#include <utility>

#include "backends/wire/memcache_binary.h"

namespace ringproxy::proxy {

backends::Reply ReplyQueue::AsWished(wire::ReplyWish wish, backends::Reply&& reply) {
  backends::Reply wished(std::move(reply));
  if (wish.quiet >= wire::Quiet::kBinary) {
    const wire::BinaryName name{wish.opcode, wish.opaque};
    if (wire::IsBinaryReply(wished.bytes())) {
      wire::RenameBinary(name, wished.writable());
    } else {
      std::string packets;
      wire::AppendTextAsBinary(wished.bytes(), name, &packets);
      wished = backends::Reply(pool_.Copy(packets));
    }
  }
  return wire::IsUnwanted(wish.quiet, wished.bytes()) ? backends::Reply(std::string_view("")) : std::move(wished);
}

void ReplyQueue::DeliverReady(net::TimePoint now, net::SendQueue& output) {
  while (!slots_.empty() && slots_.front().ready) {
    backends::Reply reply(std::move(slots_.front().aside));
    aside_bytes_ -= reply.size();
    reply.AppendTo(output);
    PopFront(now, output);
    if (--ready_count_ == 0) small_.Release();
  }
}

void ReplyQueue::Push(std::optional<uint32_t> behind, backends::Reply&& push, net::SendQueue& output) {
  uint32_t place = behind && IsOpen(*behind) ? *behind : first_ - 1;
  // An earlier push that waits behind a later slot holds this one back too.
  if (!pushes_.empty()) {
    const uint32_t last = pushes_[pushes_.size() - 1].behind;
    // Numbers wrap, so what is compared are distances from the front slot.
    if (place == first_ - 1 || place - first_ < last - first_) place = last;
  }
  if (!IsOpen(place)) return push.AppendTo(output);
  aside_bytes_ += push.size();
  pushes_.push_back({place, push.Keep(pool_)});
}

void ReplyQueue::DeliverPushes(net::SendQueue& output) {
  while (!pushes_.empty() && !IsOpen(pushes_.front().behind)) {
    backends::Reply push(std::move(pushes_.front().bytes));
    aside_bytes_ -= push.size();
    push.AppendTo(output);
    pushes_.pop_front();
  }
}

}  // namespace ringproxy::proxy
