#include "backends/net/block_pool.h"

#include <gtest/gtest.h>

namespace ringproxy::net {
namespace {

TEST(BlockPool, GivesRoomForWhatWasAskedAtEverySize) {
  BlockPool pool;
  for (size_t bytes : {0UL, 1UL, 87UL, 88UL, 89UL, 4000UL, 65536UL, 3'000'000UL}) {
    Block block = pool.Acquire(bytes);
    EXPECT_GE(block.free_size(), bytes);
    EXPECT_EQ(block.size(), 0U);
    std::fill_n(block.free_space(), bytes, 'x');
    block.Commit(bytes);
    EXPECT_EQ(block.bytes(), std::string(bytes, 'x'));
  }
}

TEST(BlockPool, UsesAReturnedBlockAgain) {
  BlockPool pool;
  const char* first = pool.Acquire(100).free_space();
  EXPECT_EQ(pool.Acquire(100).free_space(), first);
  EXPECT_EQ(pool.blocks_in_use(), 0U);
}

TEST(BlockPool, TrimFreesOnlyWhatNobodyNeededSinceTheLastTrim) {
  BlockPool pool;
  { const Block a = pool.Acquire(1000), b = pool.Acquire(1000); }
  const size_t two = pool.free_bytes();
  pool.Trim();  // Both were needed in this interval.
  EXPECT_EQ(pool.free_bytes(), two);
  { const Block a = pool.Acquire(1000); }
  pool.Trim();  // One was not.
  EXPECT_EQ(pool.free_bytes(), two / 2);
  pool.Trim();
  EXPECT_EQ(pool.free_bytes(), 0U);
}

TEST(BlockPool, TakesLessThanAQuarterMoreThanALargeBlockNeeds) {
  BlockPool pool;
  for (size_t bytes = 33'000; bytes < 40'000'000; bytes += bytes / 7) {
    const Block block = pool.Acquire(bytes);
    EXPECT_GE(block.held_bytes(), bytes);
    EXPECT_LT(block.held_bytes(), bytes + bytes / 4);
    EXPECT_EQ(pool.bytes_in_use(), block.held_bytes());
  }
}

TEST(BlockPool, KeepsNothingOfAVeryLargeBlock) {
  BlockPool pool;
  Block block = pool.Acquire(5'000'000);
  EXPECT_LT(pool.bytes_in_use(), 5'010'000U);
  block.Release();
  EXPECT_EQ(pool.allocated_bytes(), 0U);
}

TEST(BlockPool, GrowsABlockWithItsBytesAtEverySize) {
  BlockPool pool;
  Block block = pool.Copy("what it has");
  block.Consume(5);
  for (size_t bytes = 100; bytes < 20'000'000; bytes *= 3) {
    pool.Grow(&block, bytes);
    EXPECT_EQ(block.bytes().substr(0, 6), "it has");
    EXPECT_GE(block.size() + block.free_size(), bytes);
    EXPECT_EQ(pool.bytes_in_use(), block.held_bytes());
    block.Commit(block.free_size());
  }
  EXPECT_EQ(pool.blocks_in_use(), 1U);
}

TEST(BlockPool, GivesBackAllThatNobodyHolds) {
  BlockPool pool;
  const Block held = pool.Acquire(1000);
  { const Block a = pool.Acquire(1000), b = pool.Acquire(100'000); }
  pool.GiveBack();
  EXPECT_EQ(pool.free_bytes(), 0U);
  EXPECT_EQ(pool.allocated_bytes(), held.held_bytes());
}

TEST(Block, ConsumesFromTheFrontAndTruncatesAtTheBack) {
  BlockPool pool;
  Block block = pool.Copy("abcdef");
  block.Consume(2);
  block.Truncate(3);
  EXPECT_EQ(block.bytes(), "cde");
  block.Append("X");
  EXPECT_EQ(block.bytes(), "cdeX");
}

TEST(Block, MovingLeavesNothingBehind) {
  BlockPool pool;
  Block a = pool.Copy("a");
  Block b = std::move(a);
  EXPECT_FALSE(a);
  b = pool.Copy("b");
  EXPECT_EQ(pool.blocks_in_use(), 1U);
  EXPECT_EQ(b.bytes(), "b");
}

}  // namespace
}  // namespace ringproxy::net
