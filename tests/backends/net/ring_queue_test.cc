#include "backends/net/ring_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ringproxy::net {
namespace {

TEST(RingQueue, KeepsItsOrderAcrossWrappingAndGrowing) {
  RingQueue<int, 4> queue;
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < round % 13; ++i) queue.push_back(next_in++);
    for (int i = 0; i < round % 11 && !queue.empty(); ++i) {
      EXPECT_EQ(queue.front(), next_out++);
      queue.pop_front();
    }
  }
  for (size_t i = 0; i < queue.size(); ++i) EXPECT_EQ(queue[i], next_out + static_cast<int>(i));
}

TEST(RingQueue, TakesItemsOutOfItsMiddle) {
  RingQueue<int, 4> queue;
  std::vector<int> expected;
  for (int i = 0; i < 100; ++i) {
    for (int more = 0; more < 3; ++more) {
      queue.push_back(3 * i + more);
      expected.push_back(3 * i + more);
    }
    queue.pop_front();
    expected.erase(expected.begin());
    const size_t first = static_cast<size_t>(i) % (queue.size() + 1);
    const size_t count = std::min<size_t>(queue.size() - first, static_cast<size_t>(i) % 3);
    queue.Erase(first, count);
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(first),
                   expected.begin() + static_cast<std::ptrdiff_t>(first + count));
    ASSERT_EQ(queue.size(), expected.size());
    for (size_t n = 0; n < expected.size(); ++n) ASSERT_EQ(queue[n], expected[n]);
  }
}

TEST(RingQueue, GivesBackTheMemoryOfABurstAndKeepsASmallOne) {
  RingQueue<int, 4> queue;
  for (int i = 0; i < 100; ++i) queue.push_back(i);
  queue.ShrinkIfEmpty();
  EXPECT_EQ(queue.capacity(), 128U);
  while (!queue.empty()) queue.pop_front();
  queue.ShrinkIfEmpty();
  EXPECT_EQ(queue.capacity(), 0U);
  queue.push_back(1);
  queue.pop_front();
  queue.ShrinkIfEmpty();
  EXPECT_EQ(queue.capacity(), 4U);
}

}  // namespace
}  // namespace ringproxy::net
