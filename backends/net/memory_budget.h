// backends/net/memory_budget.h – How much memory the blocks of a process may take, and what is left of it.
//
// Purpose: whoever takes much is stopped, then refused, then cut off, and whoever takes little never notices. A client
// is stopped when it holds more than half of what is spare; an eighth of the limit is never spare, so that those who
// are stopped leave room for the replies to others. What is larger than half of all that is free is refused, and a
// sixteenth is never free for that. When even half of it is taken, those who hold most have to go. What no block holds
// (tables, connections, the heap's own slack) is measured and comes off the limit.
//
// Threads: ProcessMemory is shared by all, a MemoryBudget is its worker's. A worker tells the others what it took in
// pieces of a MiB, at the end of a turn; no request costs anything that is shared.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "backends/net/block_pool.h"

namespace ringproxy::net {

class ProcessMemory {
 public:
  // `workers`: so many have a share of the limit.
  ProcessMemory(uint64_t limit_bytes, size_t workers) : limit_(limit_bytes), workers_(workers), room_(Signed(limit_)) {}

  uint64_t limit() const { return limit_; }
  // By the blocks of all workers, as they last said.
  uint64_t taken() const { return static_cast<uint64_t>(std::max<int64_t>(0, taken_.load(std::memory_order_relaxed))); }
  // What the process has in memory, blocks included. Blocks keep a quarter of the limit at least.
  void SetResident(uint64_t bytes);

 private:
  friend class MemoryBudget;
  static int64_t Signed(uint64_t bytes) { return static_cast<int64_t>(std::min<uint64_t>(bytes, INT64_MAX)); }

  const uint64_t limit_;
  const size_t workers_;
  std::atomic<int64_t> room_;  // Of blocks.
  std::atomic<int64_t> taken_{0};
};

class MemoryBudget {
 public:
  // One that never joins knows no limit. Both outlive it.
  void Join(ProcessMemory& process, const BlockPool& blocks);
  ~MemoryBudget();

  // At the end of each turn: what was taken is told, what the others took is heard of.
  void Update();

  // Of the process's limit.
  uint64_t share() const { return process_ == nullptr ? UINT64_MAX : process_->limit() / process_->workers_; }
  // What may still be taken; below 0, so much was taken too much.
  int64_t free_bytes() const {
    return blocks_ == nullptr ? INT64_MAX : room_ - static_cast<int64_t>(blocks_->allocated_bytes());
  }
  // A client that holds more is not to be read any further.
  uint64_t most_held() const { return AtLeast(SpareBytes() / 2); }
  // The same, asked at less cost.
  bool MayHold(uint64_t bytes) const { return bytes <= uint64_t{kAlways} || bytes <= most_held(); }
  // A reply that is larger is not to be made, nor read any further.
  uint64_t most_taken() const { return AtLeast(free_bytes() / 2); }
  // Whether whoever has got `have` bytes of something can get `more` of it.
  bool HasRoomForReply(uint64_t have, uint64_t more) const {
    return more <= most_taken() && have <= AtLeast(free_bytes());
  }
  bool HasRoomForRequest(uint64_t have, uint64_t more) const {
    return more <= most_held() && have <= AtLeast(SpareBytes());
  }
  // How much is to be read at once from a client, who may be stopped with all of that unread.
  size_t read_size(size_t most) const {
    return static_cast<size_t>(std::clamp<int64_t>(SpareBytes() / 1024, 4 << 10, static_cast<int64_t>(most)));
  }
  // Blocks that nobody holds are better given back.
  bool is_short() const { return blocks_ != nullptr && free_bytes() < Room() / 4; }
  // So many bytes this worker has to give up: too little is free, and it has more than its share.
  uint64_t excess() const;

 private:
  // Everybody may hold so much, or nobody could say anything.
  static constexpr int64_t kAlways = 16 << 10;

  static uint64_t AtLeast(int64_t bytes) { return static_cast<uint64_t>(std::max(kAlways, bytes)); }
  int64_t SpareBytes() const { return free_bytes() - reserve_; }
  int64_t Room() const { return process_->room_.load(std::memory_order_relaxed); }
  void Tell(int64_t allocated);

  ProcessMemory* process_ = nullptr;
  const BlockPool* blocks_ = nullptr;
  int64_t told_ = 0;  // Of allocated_bytes().
  int64_t room_ = 0;  // For this worker's blocks, those that it has included.
  int64_t reserve_ = 0;
};

}  // namespace ringproxy::net
