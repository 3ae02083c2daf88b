#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

uint32_t ReplyQueue::Open(size_t request_bytes, net::TimePoint now, wire::Quiet quiet) {
  slots_.push_back({{}, now, nullptr, request_bytes, false, quiet});
  request_bytes_ += request_bytes;
  return first_ + static_cast<uint32_t>(slots_.size() - 1);
}

void ReplyQueue::MeasureInto(uint32_t number, backends::Histogram* histogram) {
  const uint32_t position = number - first_;
  if (position < slots_.size()) slots_[position].histogram = histogram;
}

void ReplyQueue::PopFront(net::TimePoint now) {
  Slot& slot = slots_.front();
  if (slot.histogram != nullptr) slot.histogram->Record(now - slot.opened);
  request_bytes_ -= slot.request_bytes;
  slots_.pop_front();
  ++first_;
}

void ReplyQueue::DeliverReady(net::TimePoint now, net::SendQueue& output) {
  while (!slots_.empty() && slots_.front().ready) {
    net::Block reply = std::move(slots_.front().aside);
    aside_bytes_ -= reply.size();
    --ready_;
    // A small reply is copied: one block a reply would make writev slow and keep the blocks busy.
    if (reply.size() < net::kLargeFrame) {
      Deliver(reply.bytes(), output);
    } else {
      output.Append(std::move(reply));
    }
    PopFront(now);
  }
}

}  // namespace ringproxy::proxy
