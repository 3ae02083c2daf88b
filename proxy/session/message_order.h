// proxy/session/message_order.h – Where messages, and requests about messages, stand among a client's replies.
//
// Purpose: a message must not come before the reply that says that its channel is subscribed, and a PUBLISH must not
// leave for one node before the client's writes at others are answered: who is woken by the message reads them.
// PUBLISHes may follow one another. What the client listens to changes only when all before that is answered.
// Threads: its session's. Pure.
#pragma once

#include <cstdint>

#include "proxy/session/reply_queue.h"

namespace ringproxy::proxy {

class MessageOrder {
 public:
  // Messages that come from now on leave behind the reply of this slot.
  void HoldBehind(uint32_t slot) { behind_ = slot; }
  uint32_t behind() const { return behind_; }

  // The next request publishes, or else changes what the client listens to. True: something is under way before it, for
  // which it has to wait.
  bool MustFollow(const ReplyQueue& replies, bool publishes) {
    const uint32_t next = replies.next_number();
    const bool goes_on = publishes && next == run_end_ && replies.size() <= run_end_ - run_begin_;
    if (!goes_on) run_begin_ = next;
    run_end_ = publishes ? next + 1 : next;
    return !goes_on && !replies.empty();
  }

 private:
  uint32_t behind_ = 0;
  uint32_t run_begin_ = 0;  // The slots of PUBLISHes without anything else between them.
  uint32_t run_end_ = 0;
};

}  // namespace ringproxy::proxy
