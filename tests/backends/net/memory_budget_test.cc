#include "backends/net/memory_budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringproxy::net {
namespace {

constexpr uint64_t kMiB = 1 << 20;

struct Holder {
  explicit Holder(ProcessMemory& process) { budget.Join(process, pool); }
  void Take(size_t bytes) { blocks.push_back(pool.Acquire(bytes - 4096)); }
  ~Holder() { blocks.clear(); }

  BlockPool pool;
  MemoryBudget budget;
  std::vector<Block> blocks;
};

TEST(MemoryBudget, KnowsNoLimitBeforeItJoins) {
  const MemoryBudget budget;
  EXPECT_GT(budget.most_held(), uint64_t{1} << 60);
  EXPECT_TRUE(budget.MayHold(uint64_t{1} << 60));
  EXPECT_TRUE(budget.HasRoomForRequest(uint64_t{1} << 50, uint64_t{1} << 50));
  EXPECT_TRUE(budget.HasRoomForReply(uint64_t{1} << 50, uint64_t{1} << 50));
  EXPECT_EQ(budget.read_size(128 << 10), 128U << 10);
  EXPECT_FALSE(budget.is_short());
  EXPECT_EQ(budget.excess(), 0U);
}

TEST(MemoryBudget, CountsEveryBlockAtOnceAndThoseOfOthersAfterTheirTurn) {
  ProcessMemory process(160 * kMiB, 2);
  Holder one(process), other(process);
  one.Take(10 * kMiB);
  EXPECT_EQ(one.budget.free_bytes(), static_cast<int64_t>(140 * kMiB));
  other.Take(20 * kMiB);
  one.budget.Update();
  EXPECT_EQ(one.budget.free_bytes(), static_cast<int64_t>(140 * kMiB));
  other.budget.Update();
  one.budget.Update();
  EXPECT_EQ(one.budget.free_bytes(), static_cast<int64_t>(120 * kMiB));
  EXPECT_EQ(process.taken(), 30 * kMiB);
}

TEST(MemoryBudget, TakesWhatItHadBackWhenItEnds) {
  ProcessMemory process(100 * kMiB, 1);
  {
    Holder holder(process);
    holder.Take(10 * kMiB);
    holder.budget.Update();
    EXPECT_EQ(process.taken(), 10 * kMiB);
  }
  EXPECT_EQ(process.taken(), 0U);
}

// A thousand clients who take all that they may leave room for those who take little.
TEST(MemoryBudget, LeavesRoomHoweverManyTakeAllThatTheyMay) {
  ProcessMemory process(1600 * kMiB, 1);
  Holder holder(process);
  for (int client = 0; client < 1000; ++client) {
    const uint64_t most = holder.budget.most_held();
    ASSERT_TRUE(holder.budget.MayHold(most));
    ASSERT_FALSE(holder.budget.MayHold(most + 1));
    if (most > kMiB) holder.Take(most);
  }
  EXPECT_GE(holder.budget.free_bytes(), static_cast<int64_t>(100 * kMiB));
  EXPECT_GE(holder.budget.most_taken(), 50 * kMiB);
  EXPECT_EQ(holder.budget.excess(), 0U);
}

TEST(MemoryBudget, HasRoomForTheRestOfSomethingAsLongAsItFitsWell) {
  ProcessMemory process(160 * kMiB, 1);
  Holder holder(process);
  EXPECT_TRUE(holder.budget.HasRoomForRequest(0, 70 * kMiB));
  EXPECT_FALSE(holder.budget.HasRoomForRequest(0, 71 * kMiB));
  EXPECT_TRUE(holder.budget.HasRoomForReply(0, 75 * kMiB));
  EXPECT_FALSE(holder.budget.HasRoomForReply(0, 76 * kMiB));
  holder.Take(60 * kMiB);
  EXPECT_TRUE(holder.budget.HasRoomForRequest(60 * kMiB, 10 * kMiB));
  holder.Take(30 * kMiB);
  EXPECT_FALSE(holder.budget.HasRoomForRequest(60 * kMiB, 1));
  EXPECT_TRUE(holder.budget.HasRoomForReply(59 * kMiB, 1));
  holder.Take(100 * kMiB);
  EXPECT_TRUE(holder.budget.HasRoomForRequest(0, 1000));  // Never too little to speak.
}

TEST(MemoryBudget, BlamesTheWorkerThatHasMoreThanItsShare) {
  ProcessMemory process(160 * kMiB, 2);
  Holder small(process), large(process);
  small.Take(30 * kMiB);
  large.Take(110 * kMiB);
  const auto update = [&] {
    for (int i = 0; i < 2; ++i) small.budget.Update(), large.budget.Update();
  };
  update();
  EXPECT_EQ(large.budget.excess(), 0U);
  large.Take(20 * kMiB);
  update();
  EXPECT_EQ(small.budget.excess(), 0U);
  EXPECT_EQ(large.budget.excess(), 5 * kMiB);
}

TEST(MemoryBudget, CountsWhatIsResidentAndInNoBlock) {
  ProcessMemory process(160 * kMiB, 1);
  Holder holder(process);
  holder.Take(10 * kMiB);
  holder.budget.Update();
  process.SetResident(32 * kMiB);
  holder.budget.Update();
  EXPECT_EQ(holder.budget.free_bytes(), static_cast<int64_t>(110 * kMiB));
  process.SetResident(1000 * kMiB);  // Blocks keep a quarter.
  holder.budget.Update();
  EXPECT_EQ(holder.budget.free_bytes(), static_cast<int64_t>(27.5 * kMiB));
  EXPECT_TRUE(!holder.budget.is_short());
}

TEST(MemoryBudget, ReadsLessAtOnceWhenLittleIsLeft) {
  ProcessMemory process(320 * kMiB, 1);
  Holder holder(process);
  EXPECT_EQ(holder.budget.read_size(128 << 10), 128U << 10);
  holder.Take(248 * kMiB);
  EXPECT_EQ(holder.budget.read_size(128 << 10), 32U << 10);
  holder.Take(40 * kMiB);
  EXPECT_EQ(holder.budget.read_size(128 << 10), 4U << 10);
}

}  // namespace
}  // namespace ringproxy::net
