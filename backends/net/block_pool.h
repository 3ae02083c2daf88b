// backends/net/block_pool.h – Byte blocks that are recycled within one worker.
//
// Purpose: every byte on its way through the proxy sits in the worker's read buffer or in a Block. A warm worker gets
// its blocks from free lists and not from the heap; after a burst Trim gives the memory back. Very large blocks are
// pages of their own: they have just the size that was asked for, grow without a copy, and are gone when released.
// Threads: a pool and its blocks belong to one worker.
// Ownership: a Block is a move-only handle; its destructor gives the bytes back. The pool must outlive its blocks.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace ringproxy::net {

class BlockPool;

// Bytes in [begin, end) are filled, those up to the capacity are free.
class Block {
 public:
  Block() = default;
  Block(Block&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  [[gnu::always_inline]] Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      Release();
      header_ = std::exchange(other.header_, nullptr);
    }
    return *this;
  }
  ~Block() { Release(); }

  explicit operator bool() const { return header_ != nullptr; }
  std::string_view bytes() const { return {data() + header_->begin, size()}; }
  size_t size() const { return header_->end - header_->begin; }
  char* free_space() { return data() + header_->end; }
  size_t free_size() const { return header_->capacity - header_->end; }
  // What it takes of the memory, all of it included.
  size_t held_bytes() const { return sizeof(Header) + header_->capacity; }

  // `bytes` were written to free_space().
  void Commit(size_t bytes) {
    assert(bytes <= free_size());
    header_->end += bytes;
  }
  void Append(std::string_view bytes) {
    assert(bytes.size() <= free_size());
    std::memcpy(free_space(), bytes.data(), bytes.size());
    header_->end += bytes.size();
  }
  // Drops the first `bytes`.
  void Consume(size_t bytes) {
    assert(bytes <= size());
    header_->begin += bytes;
  }
  // Drops everything behind the first `bytes`.
  void Truncate(size_t bytes) {
    assert(bytes <= size());
    header_->end = header_->begin + bytes;
  }
  void Release();

 private:
  friend class BlockPool;
  friend class SendQueue;
  struct Header {
    BlockPool* pool;
    Header* next;  // In a free list or in a SendQueue; a block is never in both.
    size_t begin;
    size_t end;
    size_t capacity;
    uint32_t size_class;  // kOwnPages, or its free list.
  };

  explicit Block(Header* header) : header_(header) {}
  char* data() const { return reinterpret_cast<char*>(header_ + 1); }

  Header* header_ = nullptr;
};

class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // An empty block with room for at least `bytes`: for less than a quarter more, beyond 32 KiB, or a page, beyond 2
  // MiB.
  Block Acquire(size_t bytes);
  // The same for a size that is known when it is compiled, and recycled.
  template <size_t kBytes>
  Block AcquireOf() {
    constexpr size_t kWhole = kBytes + sizeof(Block::Header);
    static_assert(kWhole <= kCoarse);
    ++blocks_in_use_;
    return AcquireOfClass(ClassOf(kWhole));
  }
  // A block that holds a copy of `bytes`.
  Block Copy(std::string_view bytes);
  // Room for at least `bytes` in all, those included that it has. They may move.
  void Grow(Block* block, size_t bytes);

  // Frees the blocks that nobody needed since the last Trim. Call it about once a second.
  void Trim();
  // Frees all that nobody holds, since memory is short.
  void GiveBack();

  size_t free_bytes() const { return free_bytes_; }
  // Of the blocks that somebody holds, their headers and what they have free included.
  size_t bytes_in_use() const { return allocated_bytes_ - free_bytes_; }
  size_t allocated_bytes() const { return allocated_bytes_; }
  size_t blocks_in_use() const { return blocks_in_use_; }

 private:
  friend class Block;
  // A class is a power of two, 4 * its logarithm, or beyond kCoarse one of the three steps behind it.
  static constexpr uint32_t kSmallestClass = 4 * 7;  // 128 bytes, header included.
  static constexpr uint32_t kLargestClass = 4 * 21;
  static constexpr size_t kCoarse = 32 << 10;
  static constexpr size_t kLargestRecycled = size_t{1} << (kLargestClass / 4);
  static constexpr uint32_t kOwnPages = kLargestClass + 1;

  struct FreeList {
    Block::Header* head = nullptr;
    size_t count = 0;
    size_t least_count = 0;  // Since the last Trim: so many were never needed.
  };

  static constexpr uint32_t ClassOf(size_t whole_bytes) {
    const auto log2 = static_cast<uint32_t>(std::bit_width(whole_bytes - 1));
    if (whole_bytes <= kCoarse) return std::max(kSmallestClass, 4 * log2);
    const size_t below = size_t{1} << (log2 - 1);
    const size_t step = below / 4;
    return 4 * (log2 - 1) + static_cast<uint32_t>((whole_bytes - below + step - 1) / step);
  }
  static size_t SizeOf(uint32_t size_class) {
    const size_t below = size_t{1} << (size_class / 4);
    return below + below / 4 * (size_class % 4);
  }
  Block AcquireOfClass(uint32_t size_class) {
    FreeList& list = free_[size_class];
    Block::Header* header = list.head;
    if (header == nullptr) [[unlikely]]
      return Allocate(size_class);
    list.head = header->next;
    list.least_count = std::min(list.least_count, --list.count);
    free_bytes_ -= sizeof(Block::Header) + header->capacity;
    header->next = nullptr;
    header->begin = header->end = 0;
    return Block(header);
  }
  Block Allocate(uint32_t size_class);
  Block AcquirePages(size_t whole_bytes);
  void GrowPages(Block* block, size_t bytes);
  void Return(Block::Header* header);
  void Free(FreeList* list, size_t count);

  std::array<FreeList, kLargestClass + 1> free_{};
  size_t allocated_bytes_ = 0;
  size_t free_bytes_ = 0;
  size_t freed_bytes_ = 0;  // To the heap, since it was last asked to hand them on.
  size_t blocks_in_use_ = 0;
};

inline void Block::Release() {
  if (header_ == nullptr) return;
  Header* header = std::exchange(header_, nullptr);
  header->pool->Return(header);
}

}  // namespace ringproxy::net
