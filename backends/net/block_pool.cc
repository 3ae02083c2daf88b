#include "backends/net/block_pool.h"

#include <malloc.h>
#include <sys/mman.h>

#include <new>

namespace ringproxy::net {
namespace {

// Released memory is handed on to the system by so much, since the heap is walked for it.
constexpr size_t kWorthGivingBack = 1 << 20;
constexpr size_t kPage = 4 << 10;

void HandOn(size_t* freed_bytes) {
  if (*freed_bytes < kWorthGivingBack) return;
  // The heap keeps free memory that lies below something in use; only a trim gives such pages back.
  malloc_trim(0);
  *freed_bytes = 0;
}

constexpr size_t WholePages(size_t bytes) {
  return (bytes + kPage - 1) / kPage * kPage;
}

}  // namespace

BlockPool::~BlockPool() {
  assert(blocks_in_use_ == 0);
  GiveBack();
}

Block BlockPool::Acquire(size_t bytes) {
  // The header lies before the bytes, so that a handle is one pointer and the lists need no memory of their own.
  const size_t whole = bytes + sizeof(Block::Header);
  ++blocks_in_use_;
  return whole > kLargestRecycled ? AcquirePages(WholePages(whole)) : AcquireOfClass(ClassOf(whole));
}

Block BlockPool::Allocate(uint32_t size_class) {
  const size_t allocated = SizeOf(size_class);
  allocated_bytes_ += allocated;
  auto* header = static_cast<Block::Header*>(::operator new(allocated));
  *header = {this, nullptr, 0, 0, allocated - sizeof(Block::Header), size_class};
  return Block(header);
}

Block BlockPool::AcquirePages(size_t whole_bytes) {
  void* pages = mmap(nullptr, whole_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  allocated_bytes_ += whole_bytes;
  auto* header = static_cast<Block::Header*>(pages);
  *header = {this, nullptr, 0, 0, whole_bytes - sizeof(Block::Header), kOwnPages};
  return Block(header);
}

Block BlockPool::Copy(std::string_view bytes) {
  Block block = Acquire(bytes.size());
  block.Append(bytes);
  return block;
}

void BlockPool::Grow(Block* block, size_t bytes) {
  if (block->size() + block->free_size() >= bytes) return;
  const Block::Header& header = *block->header_;
  // mremap keeps the bytes where they lie in the block, and so the gap that Consume has left; a copy closes it.
  if (header.size_class == kOwnPages && header.begin == 0) return GrowPages(block, bytes);
  Block larger = Acquire(bytes);
  larger.Append(block->bytes());
  *block = std::move(larger);
}

void BlockPool::GrowPages(Block* block, size_t bytes) {
  const size_t before = block->held_bytes();
  const size_t after = WholePages(bytes + sizeof(Block::Header));
  void* pages = mremap(block->header_, before, after, MREMAP_MAYMOVE);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  block->header_ = static_cast<Block::Header*>(pages);
  block->header_->capacity = after - sizeof(Block::Header);
  allocated_bytes_ += after - before;
}

void BlockPool::Return(Block::Header* header) {
  --blocks_in_use_;
  const size_t allocated = sizeof(Block::Header) + header->capacity;
  if (header->size_class == kOwnPages) {
    allocated_bytes_ -= allocated;
    // Blocks of this size are too few, and differ too much, to wait in a list for somebody who needs one.
    munmap(header, allocated);
    return;
  }
  FreeList& list = free_[header->size_class];
  // The last one that came back leaves first, for its bytes are likely to be in the cache.
  header->next = list.head;
  list.head = header;
  ++list.count;
  free_bytes_ += allocated;
}

void BlockPool::Free(FreeList* list, size_t count) {
  for (; count > 0; --count) {
    Block::Header* header = list->head;
    list->head = header->next;
    --list->count;
    const size_t allocated = sizeof(Block::Header) + header->capacity;
    free_bytes_ -= allocated;
    allocated_bytes_ -= allocated;
    freed_bytes_ += allocated;
    ::operator delete(header);
  }
  // The least of the time that begins now.
  list->least_count = list->count;
}

void BlockPool::Trim() {
  for (FreeList& list : free_) Free(&list, list.least_count);
  HandOn(&freed_bytes_);
}

void BlockPool::GiveBack() {
  for (FreeList& list : free_) Free(&list, list.count);
  HandOn(&freed_bytes_);
}

}  // namespace ringproxy::net
