// backends/net/send_queue.h – Bytes waiting to be written to one stream.
//
// Purpose: small pieces are copied into the tail block, large blocks are moved in; all of it leaves in one writev.
// Threads, lifetime: as its owner's worker; the pool must outlive it.
#pragma once

#include <cstddef>
#include <string_view>

#include "backends/net/block_pool.h"
#include "backends/net/stream.h"

namespace ringproxy::net {

class SendQueue {
 public:
  explicit SendQueue(BlockPool& pool) : pool_(pool) {}
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;
  ~SendQueue() { Clear(); }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // What is left of the first piece.
  size_t front_size() const { return head_ == nullptr ? 0 : head_->end - head_->begin; }

  [[gnu::always_inline]] void Append(std::string_view bytes) {
    if (tail_ == nullptr || bytes.size() > tail_->capacity - tail_->end) return AppendSlowly(bytes);
    std::memcpy(reinterpret_cast<char*>(tail_ + 1) + tail_->end, bytes.data(), bytes.size());
    tail_->end += bytes.size();
    size_ += bytes.size();
  }
  void Append(Block block);

  // Writes until everything is gone (kOk; `bytes` counts all calls) or the stream takes no more.
  IoResult Flush(Stream& stream);
  // Takes bytes out that must not leave any more. Requires: offset + bytes <= size().
  void Erase(size_t offset, size_t bytes);
  void Clear();

 private:
  void AppendSlowly(std::string_view bytes);
  IoResult FlushOne(Stream& stream);
  IoResult FlushMany(Stream& stream);
  void Link(Block block);
  void Consume(size_t bytes);

  BlockPool& pool_;
  Block::Header* head_ = nullptr;  // A chain through Header::next, owned.
  Block::Header* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace ringproxy::net
