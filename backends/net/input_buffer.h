// backends/net/input_buffer.h – Bytes that came from one stream and are not yet framed.
//
// Purpose: reads land in the worker's one ReadBuffer, so an idle stream holds no memory; what is left of an unfinished
// frame is kept in a Block; a large frame is received into a Block of its own that can be taken out whole.
// Use, once per readiness: Fill, then frame from bytes() and Consume (or TakeFrame), then Keep.
// Lifetime: bytes() is valid until the next call of Fill, TakeFrame or Keep, or another stream's Fill.
#pragma once

#include <memory>
#include <string_view>

#include "backends/net/block_pool.h"
#include "backends/net/stream.h"

namespace ringproxy::net {

// A frame of at least this size is received into a block of its own and then moved; a smaller one is cheaper copied.
inline constexpr size_t kLargeFrame = 32 << 10;

// One a worker, shared by all of its streams.
struct ReadBuffer {
  static constexpr size_t kSize = 128 << 10;
  std::unique_ptr<char[]> data = std::make_unique<char[]>(kSize);
};

class InputBuffer {
 public:
  explicit InputBuffer(BlockPool& pool) : pool_(pool) {}

  // Reads once from `stream`, at most `most` bytes beyond a large frame's own. Whatever the result, bytes() shows all
  // that is there.
  IoResult Fill(Stream& stream, ReadBuffer& shared, size_t most = ReadBuffer::kSize);

  std::string_view bytes() const { return view_; }
  bool empty() const { return view_.empty(); }
  // Of memory, between the calls.
  size_t held_bytes() const { return kept_ ? kept_.held_bytes() : 0; }
  void Consume(size_t bytes) {
    view_.remove_prefix(bytes);
    if (kept_) kept_.Consume(bytes);
  }

  // bytes(), to be changed where they lie.
  char* writable();
  // Blanks a part of bytes() by spaces, where it lies.
  void Blank(size_t offset, size_t size);

  // The first `size` bytes lie in a block of their own that is worth moving.
  bool CanTakeFrame(size_t size) const { return kept_ && size >= kLargeFrame; }
  // Takes them out. Requires: CanTakeFrame(size).
  Block TakeFrame(size_t size);

  // Keeps the rest for the next Fill. `needed`: the least bytes of the unfinished frame, 0 if there is none.
  void Keep(size_t needed);

  void Clear();

 private:
  IoResult FillKept(Stream& stream);

  BlockPool& pool_;
  Block kept_;             // Owns bytes() when set; else they lie in the shared buffer.
  std::string_view view_;  // Unconsumed.
  size_t needed_ = 0;
  bool last_was_large_ = false;  // The next frame will likely be too.
};

}  // namespace ringproxy::net
