#include "backends/net/input_buffer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace ringproxy::net {
namespace {

// Memory is reserved on a peer's word only up to here; beyond, a block grows with the bytes that really came.
constexpr size_t kTrustedSize = 2 << 20;
// How far a read into a frame's own block may go past what the frame is known to need: arrays tell their size only
// element by element, and one read an element would be slow.
constexpr size_t kReadAhead = 16 << 10;

// After a large frame the next is likely large too: enough is read to see its size, so that the rest goes straight into
// its own block and is not copied out of the shared buffer.
constexpr size_t kLookAtFrame = 4 << 10;

}  // namespace

IoResult InputBuffer::Fill(Stream& stream, ReadBuffer& shared) {
  if (kept_ && std::max(needed_, kept_.size()) >= kLargeFrame) return FillKept(stream);
  size_t carried = 0;
  if (kept_) {
    carried = kept_.size();
    std::memcpy(shared.data.get(), kept_.bytes().data(), carried);
    kept_.Release();
  }
  const size_t wanted = std::exchange(last_was_large_, false) ? kLookAtFrame : ReadBuffer::kSize - carried;
  const IoResult result = stream.Read(shared.data.get() + carried, wanted);
  view_ = {shared.data.get(), carried + result.bytes};
  return result;
}

IoResult InputBuffer::FillKept(Stream& stream) {
  const size_t have = kept_.size();
  const size_t missing = needed_ > have ? needed_ - have : 0;
  if (kept_.free_size() < std::min(missing, kReadAhead) || kept_.free_size() == 0) {
    Block larger = pool_.Acquire(std::max(2 * have, std::min(needed_, kTrustedSize)));
    larger.Append(kept_.bytes());
    kept_ = std::move(larger);
  }
  const size_t wanted = std::max(missing, kReadAhead);
  const IoResult result = stream.Read(kept_.free_space(), std::min(kept_.free_size(), wanted));
  kept_.Commit(result.bytes);
  view_ = kept_.bytes();
  return result;
}

void InputBuffer::Blank(size_t offset, size_t size) {
  assert(offset + size <= view_.size());
  // The bytes lie in kept_ or in the shared buffer, both of them ours to write.
  std::memset(const_cast<char*>(view_.data()) + offset, ' ', size);
}

Block InputBuffer::TakeFrame(size_t size) {
  assert(CanTakeFrame(size) && size <= view_.size());
  const std::string_view rest = view_.substr(size);
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
  kept_ = pool_.Acquire(std::max(view_.size(), std::min(needed, kTrustedSize)));
  kept_.Append(view_);
  view_ = kept_.bytes();
}

void InputBuffer::Clear() {
  kept_.Release();
  view_ = {};
  needed_ = 0;
}

}  // namespace ringproxy::net
