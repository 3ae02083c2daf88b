// proxy/session/reply_queue.h – Puts replies into the order of their requests (semantics.md 13).
//
// A slot is opened for each request and resolved once, in any order. The front slot's reply goes straight into the
// session's output; the others are kept aside until their turn comes, small ones together in one block. What a client
// is told without having asked (a push of RESP3, a message) leaves between two replies:
//
//   slots    #7 waits   #8 ready   #9 waits        output   … reply of #6 │ ← the next thing is #7's reply
//   pushes       └─ behind #7: leaves when #7 has left, before #8         a push behind none leaves at once
//
// Threads: its worker's. Ownership: by its session; pool and output outlive it.
#pragma once

#include <cassert>
#include <optional>
#include <string_view>

#include "backends/net/block_pool.h"
#include "backends/net/loop.h"
#include "backends/net/ring_queue.h"
#include "backends/net/send_queue.h"
#include "backends/reply.h"
#include "backends/stats.h"
#include "backends/wire/memcache_request.h"

namespace ringproxy::proxy {

class ReplyQueue {
 public:
  explicit ReplyQueue(net::BlockPool& pool) : pool_(pool) {}

  // What is known of a request when its slot is opened.
  struct AwaitedReply {
    net::TimePoint opened{};
    backends::Histogram* histogram = nullptr;  // Counts how long the reply takes, if there is one.
    size_t request_bytes = 0;
    wire::ReplyWish wish = wire::Quiet::kNone;  // What its client wants to read of the reply.
  };
  // The slot's number, for Resolve. Numbers wrap after 2^32; far fewer are ever open.
  uint32_t Open(const AwaitedReply& awaited) {
    slots_.push_back({{}, awaited});
    request_bytes_ += awaited.request_bytes;
    return first_ + static_cast<uint32_t>(slots_.size() - 1);
  }

  void Resolve(uint32_t number, backends::Reply&& reply, net::TimePoint now, net::SendQueue& output);

  // It must not overtake the reply of slot `behind`, if that slot is still open (the reply that it makes invalid, or
  // the one that confirms a subscription), and waits for no other. Pushes keep their order.
  void Push(std::optional<uint32_t> behind, backends::Reply&& push, net::SendQueue& output);

  // Of an open slot.
  wire::ReplyWish wish(uint32_t number) const { return slots_[number - first_].awaited.wish; }
  bool empty() const { return slots_.empty(); }
  size_t size() const { return slots_.size(); }
  // The number that Open will give.
  uint32_t next_number() const { return first_ + static_cast<uint32_t>(slots_.size()); }
  // Bytes of the requests whose slots are open.
  size_t request_bytes() const { return request_bytes_; }
  // Bytes of the replies and pushes that wait for their turn.
  size_t aside_bytes() const { return aside_bytes_; }
  // So much is kept elsewhere of a reply that is not whole yet.
  void NoteUnfinished(size_t bytes) { unfinished_bytes_ = bytes; }
  // With that.
  size_t held_bytes() const { return aside_bytes_ + unfinished_bytes_; }
  void ShrinkIfEmpty() {
    slots_.ShrinkIfEmpty();
    pushes_.ShrinkIfEmpty();
  }

 private:
  struct Slot {
    backends::Reply aside;  // The reply, when `ready`: in a block of its own or in small_.
    AwaitedReply awaited;
    bool ready = false;
  };

  struct WaitingPush {
    uint32_t behind = 0;
    net::Block bytes;
  };

  // Also for a number that was given out long ago.
  bool IsOpen(uint32_t number) const { return number - first_ < slots_.size(); }
  void PopFront(net::TimePoint now, net::SendQueue& output);
  void DeliverPushes(net::SendQueue& output);
  // Replies that were ready before their turn.
  void DeliverReady(net::TimePoint now, net::SendQueue& output);
  // What its client reads instead of it: the packet under its own name, what is said in text as packets, or nothing.
  [[gnu::noinline]] backends::Reply AsWished(wire::ReplyWish wish, backends::Reply&& reply);
  // The reply for as long as its slot is open.
  backends::Reply KeepAside(backends::Reply&& reply);

  // A short pipeline's small replies find room in it; the 64 bytes less are a block's header.
  static constexpr size_t kSmallReplies = 2048 - 64;

  net::BlockPool& pool_;
  net::RingQueue<Slot, 4> slots_;
  net::Block small_;  // Replies of `ready` slots, one behind the other; given back when none is `ready`.
  size_t ready_count_ = 0;
  net::RingQueue<WaitingPush, 4> pushes_;
  uint32_t first_ = 0;  // The front slot's number.
  size_t request_bytes_ = 0;
  size_t aside_bytes_ = 0;
  size_t unfinished_bytes_ = 0;
};

inline void ReplyQueue::PopFront(net::TimePoint now, net::SendQueue& output) {
  const AwaitedReply& awaited = slots_.front().awaited;
  if (awaited.histogram != nullptr) awaited.histogram->Record(now - awaited.opened);
  request_bytes_ -= awaited.request_bytes;
  slots_.pop_front();
  ++first_;
  if (!pushes_.empty()) [[unlikely]]
    DeliverPushes(output);
}

inline backends::Reply ReplyQueue::KeepAside(backends::Reply&& reply) {
  if (!small_) small_ = pool_.AcquireOf<kSmallReplies>();
  if (reply.size() > small_.free_size()) return backends::Reply(reply.Keep(pool_));
  const std::string_view kept(small_.free_space(), reply.size());
  small_.Append(reply.bytes());
  return backends::Reply(kept);
}

inline void ReplyQueue::Resolve(uint32_t number, backends::Reply&& reply, net::TimePoint now, net::SendQueue& output) {
  const uint32_t position = number - first_;
  Slot& slot = slots_[position];
  assert(!slot.ready);
  if (slot.awaited.wish.quiet != wire::Quiet::kNone) [[unlikely]]
    reply = AsWished(slot.awaited.wish, std::move(reply));
  if (position > 0) {
    aside_bytes_ += reply.size();
    slot.aside = KeepAside(std::move(reply));
    slot.ready = true;
    ++ready_count_;
    return;
  }
  reply.AppendTo(output);
  PopFront(now, output);
  if (!slots_.empty() && slots_.front().ready) DeliverReady(now, output);
}

}  // namespace ringproxy::proxy
