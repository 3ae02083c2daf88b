#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

void ReplyQueue::PopFront(net::TimePoint now) {
  const AwaitedReply& awaited = slots_.front().awaited;
  if (awaited.histogram != nullptr) awaited.histogram->Record(now - awaited.opened);
  request_bytes_ -= awaited.request_bytes;
  slots_.pop_front();
  ++first_;
}

void ReplyQueue::DeliverReady(net::TimePoint now, net::SendQueue& output) {
  while (!slots_.empty() && slots_.front().ready) {
    backends::Reply reply(std::move(slots_.front().aside));
    aside_bytes_ -= reply.size();
    reply.AppendTo(output);
    PopFront(now);
  }
}

}  // namespace ringproxy::proxy
