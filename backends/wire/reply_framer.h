// backends/wire/reply_framer.h – Finds where one reply of a node ends, whatever protocol it speaks.
//
// Threads: one owner. Promise: the work is linear in the bytes, however they are cut; framing does not allocate.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "backends/wire/fault.h"

namespace ringproxy::wire {

class ReplyFramer {
 public:
  // kPush: a frame that answers nothing. kMixed: a reply with pushes between its parts, as Redis 6 sends them; no reply
  // before they are moved out of it.
  enum class FrameStatus : uint8_t { kNeedMore, kReply, kPush, kMixed, kBad };

  virtual ~ReplyFramer() = default;

  // Frames the reply or push that starts at bytes[0]. After kNeedMore call again with the same bytes plus more (they
  // may have moved); after anything else the next call starts a new reply.
  virtual FrameStatus Frame(std::string_view bytes) = 0;
  // What a whole reply says about the node.
  virtual Fault FaultOf(std::string_view reply) const = 0;
  // After kMixed: orders its bytes so that the pushes come first, and then the reply, all of them whole.
  virtual void MovePushesFirst(char* bytes) = 0;
  // After kNeedMore: whether the frame is known to be a push.
  virtual bool is_push() const = 0;
  // Forgets a reply that is framed by half: its connection is gone.
  virtual void Reset() = 0;
  // After kNeedMore, of a reply that nobody is to get: so many bytes are of no use any more, of which some may be still
  // to come. The next Frame is given those behind them; its kReply says the size of what was not skipped.
  virtual uint64_t Skip() = 0;

  // After kReply, kPush or kMixed: its bytes.
  size_t size() const { return position_; }
  // After kNeedMore: the least size of this reply as far as it is known, more than was given.
  size_t bytes_needed() const { return needed_; }

 protected:
  FrameStatus NeedMore(size_t least) {
    needed_ = least;
    return FrameStatus::kNeedMore;
  }

  // Where the block ends that is known, but not all here; 0 if there is none.
  size_t unfinished_block_ = 0;
  size_t position_ = 0;  // Where the next unframed part starts.
  size_t needed_ = 0;
};

}  // namespace ringproxy::wire
