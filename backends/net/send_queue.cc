#include "backends/net/send_queue.h"

#include <algorithm>
#include <array>

namespace ringproxy::net {
namespace {

// A queue starts small, since most hold one small reply a turn and many small blocks share a cache that few large ones
// would fill; a longer queue takes larger blocks. The 64 bytes less are a block's header, so that the whole fills one
// size class of the pool.
constexpr size_t kFirstBlock = 512 - 64;
constexpr size_t kLargestCopyBlock = (16 << 10) - 64;
// Pieces of one writev; the kernel's bound is 1024, more than a few dozen gain nothing.
constexpr size_t kPieces = 64;

}  // namespace

void SendQueue::Link(Block block) {
  size_ += block.size();
  Block::Header* header = std::exchange(block.header_, nullptr);
  (tail_ == nullptr ? head_ : tail_->next) = header;
  tail_ = header;
}

void SendQueue::Append(Block block) {
  assert(block);
  Link(std::move(block));
}

void SendQueue::AppendSlowly(std::string_view bytes) {
  if (head_ == nullptr && bytes.size() <= kFirstBlock) {
    Block first = pool_.AcquireOf<kFirstBlock>();
    first.Append(bytes);
    return Link(std::move(first));
  }
  if (tail_ != nullptr) {
    // The tail takes what it can, which keeps the pieces of a write few.
    const size_t fits = std::min(bytes.size(), tail_->capacity - tail_->end);
    std::memcpy(reinterpret_cast<char*>(tail_ + 1) + tail_->end, bytes.data(), fits);
    tail_->end += fits;
    size_ += fits;
    bytes.remove_prefix(fits);
  }
  Block block = pool_.Acquire(std::max(bytes.size(), std::clamp(2 * size_, kFirstBlock, kLargestCopyBlock)));
  block.Append(bytes);
  Link(std::move(block));
}

IoResult SendQueue::Flush(Stream& stream) {
  if (size_ == 0) return {};
  return head_->next == nullptr ? FlushOne(stream) : FlushMany(stream);
}

// Nearly always: what one turn brings.
IoResult SendQueue::FlushOne(Stream& stream) {
  const iovec piece{reinterpret_cast<char*>(head_ + 1) + head_->begin, size_};
  const IoResult written = stream.Write({&piece, 1});
  if (written.status != IoStatus::kOk) return written;
  size_ -= written.bytes;
  if (size_ > 0) {
    head_->begin += written.bytes;
    return {IoStatus::kWouldBlock, written.bytes, 0};
  }
  Block(std::exchange(head_, nullptr)).Release();
  tail_ = nullptr;
  return written;
}

IoResult SendQueue::FlushMany(Stream& stream) {
  IoResult total;
  while (size_ > 0) {
    std::array<iovec, kPieces> pieces;
    size_t count = 0;
    size_t offered = 0;
    for (Block::Header* header = head_; header != nullptr && count < kPieces; header = header->next) {
      const size_t bytes = header->end - header->begin;
      pieces[count++] = {reinterpret_cast<char*>(header + 1) + header->begin, bytes};
      offered += bytes;
    }
    const IoResult written = stream.Write({pieces.data(), count});
    if (written.status != IoStatus::kOk) return {written.status, total.bytes, written.error};
    Consume(written.bytes);
    total.bytes += written.bytes;
    // A short write means a full socket: asking again would only be told so.
    if (written.bytes < offered) return {IoStatus::kWouldBlock, total.bytes, 0};
  }
  return total;
}

void SendQueue::Consume(size_t bytes) {
  size_ -= bytes;
  while (head_ != nullptr) {
    const size_t here = head_->end - head_->begin;
    if (bytes < here) {
      head_->begin += bytes;
      return;
    }
    bytes -= here;
    Block::Header* next = std::exchange(head_->next, nullptr);
    Block(head_).Release();
    head_ = next;
  }
  tail_ = nullptr;
}

void SendQueue::Erase(size_t offset, size_t bytes) {
  size_ -= bytes;
  Block::Header* before = nullptr;
  for (Block::Header** link = &head_; bytes > 0;) {
    Block::Header* block = *link;
    const size_t here = block->end - block->begin;
    const size_t kept = std::min(offset, here);
    const size_t gone = std::min(bytes, here - kept);
    char* data = reinterpret_cast<char*>(block + 1) + block->begin;
    // The copy may cost something: only requests that are late are taken out.
    std::memmove(data + kept, data + kept + gone, here - kept - gone);
    block->end -= gone;
    bytes -= gone;
    offset -= kept;
    if (block->begin != block->end) {
      before = block;
      link = &block->next;
      continue;
    }
    *link = std::exchange(block->next, nullptr);
    if (tail_ == block) tail_ = before;
    Block(block).Release();
  }
}

void SendQueue::Clear() {
  Consume(size_);
}

}  // namespace ringproxy::net
