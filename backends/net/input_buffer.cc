#include "backends/net/input_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace ringproxy::net {
namespace {

// Memory is reserved on a peer's word for so many times what it has sent, and only up to here; beyond, a block grows
// with the bytes that really came.
constexpr size_t kTrust = 16;
constexpr size_t kTrustedSize = 2 << 20;
// How far a read into a frame's own block may go past what the frame is known to need: arrays tell their size only
// element by element, and one read an element would be slow.
constexpr size_t kReadAhead = 16 << 10;

// After a large frame the next is likely large too: enough is read to see its size, so that the rest goes straight into
// its own block and is not copied out of the shared buffer.
constexpr size_t kLookAtFrame = 4 << 10;

// A frame of which so much is here gets a block of its own.
bool NeedsOwnBlock(size_t have, size_t needed) {
  return have >= kLookAtFrame && std::max(have, needed) >= kLargeFrame;
}

// For a frame of which `have` bytes are here and that has at least `needed`. One that is announced gets its size; one
// that tells its size piece by piece gets more each time, so that it is not copied for each of them. Those beyond
// kTrustedSize are not copied at all, and get less.
size_t RoomFor(size_t have, size_t needed) {
  const size_t next = have < kTrustedSize ? 2 * have : have + have / 4;
  if (needed <= next) return next;
  return std::min(needed, std::max(2 * have, std::min(kTrust * have, kTrustedSize)));
}

}  // namespace

IoResult InputBuffer::Fill(Stream& stream, ReadBuffer& shared, size_t most) {
  if (kept_ && NeedsOwnBlock(kept_.size(), needed_)) return FillKept(stream);
  size_t carried = 0;
  if (kept_) {
    carried = kept_.size();
    // The rest of last time goes before what comes now, so that framing sees one piece and no block is held.
    std::memcpy(shared.data.get(), kept_.bytes().data(), carried);
    kept_.Release();
  }
  const size_t wanted =
      std::exchange(last_was_large_, false) ? kLookAtFrame : std::min(ReadBuffer::kSize - carried, most);
  const IoResult result = stream.Read(shared.data.get() + carried, wanted);
  view_ = {shared.data.get(), carried + result.bytes};
  return result;
}

IoResult InputBuffer::FillKept(Stream& stream) {
  const size_t have = kept_.size();
  const size_t missing = needed_ > have ? needed_ - have : 0;
  if (kept_.free_size() < std::min(missing, kReadAhead) || kept_.free_size() == 0) {
    pool_.Grow(&kept_, RoomFor(have, needed_));
  }
  const size_t wanted = std::max(missing, kReadAhead);
  const IoResult result = stream.Read(kept_.free_space(), std::min(kept_.free_size(), wanted));
  kept_.Commit(result.bytes);
  view_ = kept_.bytes();
  return result;
}

char* InputBuffer::writable() {
  // The bytes lie in kept_ or in the shared buffer, both of them ours to write.
  return const_cast<char*>(view_.data());
}

void InputBuffer::Blank(size_t offset, size_t size) {
  assert(offset + size <= view_.size());
  std::memset(writable() + offset, ' ', size);
}

Block InputBuffer::TakeFrame(size_t size) {
  assert(CanTakeFrame(size) && size <= view_.size());
  const std::string_view rest = view_.substr(size);
  // There is little to copy: FillKept reads no further than kReadAhead beyond the frame.
  Block after = rest.empty() ? Block() : pool_.Copy(rest);
  Block frame = std::move(kept_);
  frame.Truncate(size);
  last_was_large_ = true;
  kept_ = std::move(after);
  view_ = kept_ ? kept_.bytes() : std::string_view();
  return frame;
}

void InputBuffer::Keep(size_t needed) {
  needed_ = needed;
  if (view_.empty()) {
    kept_.Release();
    return;
  }
  if (kept_) return;
  const size_t have = view_.size();
  kept_ = pool_.Acquire(NeedsOwnBlock(have, needed) ? std::max(have, RoomFor(have, needed)) : have);
  kept_.Append(view_);
  view_ = kept_.bytes();
}

void InputBuffer::Clear() {
  kept_.Release();
  view_ = {};
  needed_ = 0;
}

}  // namespace ringproxy::net
