#include "backends/net/memory_budget.h"

#include <cstdlib>

namespace ringproxy::net {
namespace {

constexpr int64_t kWorthTelling = 1 << 20;
// Parts of the limit. The heap may have grown by so much before it is measured again.
constexpr uint64_t kSlack = 16;
// So much is kept free by refusing, as much again by stopping those who hold much.
constexpr int64_t kReserve = 16;
// What is free at least, or somebody has to go.
constexpr int64_t kLeastFree = 32;

}  // namespace

void ProcessMemory::SetResident(uint64_t bytes) {
  // Blocks may be more than what is resident: the system gives a page when it is first written to.
  const uint64_t other = bytes - std::min(bytes, taken());
  const uint64_t taken_off = std::min(limit_, other + limit_ / kSlack);
  room_.store(Signed(std::max(limit_ - taken_off, limit_ / 4)), std::memory_order_relaxed);
}

void MemoryBudget::Join(ProcessMemory& process, const BlockPool& blocks) {
  process_ = &process;
  blocks_ = &blocks;
  Update();
}

MemoryBudget::~MemoryBudget() {
  if (process_ != nullptr) Tell(0);
}

void MemoryBudget::Tell(int64_t allocated) {
  process_->taken_.fetch_add(allocated - told_, std::memory_order_relaxed);
  told_ = allocated;
}

void MemoryBudget::Update() {
  if (process_ == nullptr) return;
  const auto allocated = static_cast<int64_t>(blocks_->allocated_bytes());
  if (std::abs(allocated - told_) >= kWorthTelling) Tell(allocated);
  reserve_ = Room() / kReserve;
  // What this worker has told is taken out again, since free_bytes() counts its own blocks as they are now.
  room_ = Room() - reserve_ - (process_->taken_.load(std::memory_order_relaxed) - told_);
}

uint64_t MemoryBudget::excess() const {
  if (process_ == nullptr) return 0;
  const int64_t least_free = Room() / kLeastFree;
  const int64_t missing = least_free - reserve_ - free_bytes();
  const int64_t share = (Room() - least_free) / static_cast<int64_t>(process_->workers_);
  const int64_t beyond_share = static_cast<int64_t>(blocks_->allocated_bytes()) - share;
  // A worker within its share gives nothing up, whoever has taken the rest.
  return static_cast<uint64_t>(std::max<int64_t>(0, std::min(missing, beyond_share)));
}

}  // namespace ringproxy::net
