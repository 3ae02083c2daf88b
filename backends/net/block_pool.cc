#include "backends/net/block_pool.h"

#include <malloc.h>

#include <algorithm>
#include <bit>
#include <new>

namespace ringproxy::net {
namespace {

// Released memory is handed on to the system when at least this much came back at once.
constexpr size_t kWorthGivingBack = 1 << 20;

}  // namespace

BlockPool::~BlockPool() {
  assert(blocks_in_use_ == 0);
  for (FreeList& list : free_) list.least_count = list.count;
  Trim();
}

Block BlockPool::Acquire(size_t bytes) {
  const size_t whole = bytes + sizeof(Block::Header);
  const auto size_class = std::max(kSmallestClass, static_cast<uint32_t>(std::bit_width(whole - 1)));
  assert(size_class <= kLargestClass);
  ++blocks_in_use_;
  FreeList& list = free_[size_class];
  if (Block::Header* header = list.head) {
    list.head = header->next;
    list.least_count = std::min(list.least_count, --list.count);
    free_bytes_ -= size_t{1} << size_class;
    header->next = nullptr;
    header->begin = header->end = 0;
    return Block(header);
  }
  const size_t allocated = size_t{1} << size_class;
  allocated_bytes_ += allocated;
  auto* header = static_cast<Block::Header*>(::operator new(allocated));
  *header = {this, nullptr, 0, 0, allocated - sizeof(Block::Header), size_class};
  return Block(header);
}

Block BlockPool::Copy(std::string_view bytes) {
  Block block = Acquire(bytes.size());
  block.Append(bytes);
  return block;
}

void BlockPool::Return(Block::Header* header) {
  --blocks_in_use_;
  FreeList& list = free_[header->size_class];
  header->next = list.head;
  list.head = header;
  ++list.count;
  free_bytes_ += size_t{1} << header->size_class;
}

void BlockPool::Trim() {
  size_t released = 0;
  for (uint32_t size_class = kSmallestClass; size_class <= kLargestClass; ++size_class) {
    FreeList& list = free_[size_class];
    for (size_t idle = list.least_count; idle > 0; --idle) {
      Block::Header* header = list.head;
      list.head = header->next;
      --list.count;
      released += size_t{1} << size_class;
      ::operator delete(header);
    }
    list.least_count = list.count;
  }
  free_bytes_ -= released;
  allocated_bytes_ -= released;
  if (released >= kWorthGivingBack) malloc_trim(0);
}

}  // namespace ringproxy::net
