#include "ring/biggest_keys.h"

#include <gtest/gtest.h>

#include "ring/hash.h"

namespace ringproxy::ring {
namespace {

class BiggestKeysTest : public testing::Test {
 protected:
  void Note(const std::string& key, uint64_t bytes, bool in_reply = true) {
    keys_.Note(Hash(HashAlgorithm::kXxh3, key), key, bytes, in_reply);
  }
  void Wait(uint32_t ticks) {
    for (uint32_t i = 0; i < ticks; ++i) keys_.Tick();
  }
  std::string Names() {
    std::string names;
    for (const auto& big : keys_.Top()) names += big.key + " ";
    return names;
  }

  BiggestKeys keys_;
};

TEST_F(BiggestKeysTest, ListsTheLargestFirstAndEqualOnesByTheirKeys) {
  Note("b", 10);
  Note("c", 30, false);
  Note("a", 10);
  EXPECT_EQ(Names(), "c a b ");
  EXPECT_EQ(keys_.Top()[0].bytes, 30U);
  EXPECT_FALSE(keys_.Top()[0].in_reply);
  EXPECT_TRUE(keys_.Top()[1].in_reply);
}

TEST_F(BiggestKeysTest, KeepsTheLargestOfManyKeysAndNoMoreThanItsList) {
  for (uint64_t i = 1; i <= 10'000; ++i) Note("key" + std::to_string(i * 7919 % 10'007), i * 7919 % 10'007);
  const auto top = keys_.Top();
  ASSERT_EQ(top.size(), BiggestKeys::kListed);
  EXPECT_EQ(top[0].key, "key" + std::to_string(top[0].bytes));
  EXPECT_GE(top[0].bytes, 10'000U);
  EXPECT_GE(top.back().bytes, 10'006 - 2 * BiggestKeys::kListed);
  EXPECT_FALSE(keys_.MayList(top.back().bytes));
  EXPECT_TRUE(keys_.MayList(top.back().bytes + 1));
}

TEST_F(BiggestKeysTest, TakesALargerSizeOfAKnownKeyAndNoSmallerOne) {
  Note("k", 100);
  Wait(5);
  Note("k", 20);
  EXPECT_EQ(keys_.Top()[0].bytes, 100U);
  EXPECT_EQ(keys_.Top()[0].ticks_ago, 5U);
  Note("k", 200, false);
  ASSERT_EQ(keys_.Top().size(), 1U);
  EXPECT_EQ(keys_.Top()[0].bytes, 200U);
  EXPECT_EQ(keys_.Top()[0].ticks_ago, 0U);
  EXPECT_FALSE(keys_.Top()[0].in_reply);
}

TEST_F(BiggestKeysTest, ForgetsASizeThatNobodyHasSeenForAnHour) {
  Note("read again", 100);
  Note("gone", 200);
  Wait(BiggestKeys::kKeptTicks);
  Note("read again", 100);
  EXPECT_EQ(Names(), "gone read again ");
  Wait(1);
  EXPECT_EQ(Names(), "read again ");
}

TEST_F(BiggestKeysTest, HasRoomAgainWhenAFullListForgets) {
  for (uint64_t i = 0; i < BiggestKeys::kListed; ++i) Note("k" + std::to_string(i), 1000);
  Note("small", 1);
  EXPECT_EQ(Names().find("small"), std::string::npos);
  Wait(BiggestKeys::kKeptTicks + 1);
  Note("small", 1);
  EXPECT_EQ(Names(), "small ");
}

TEST_F(BiggestKeysTest, CutsLongKeysInTheListAndStillTellsThemApart) {
  const std::string start(300, 'x');
  Note(start + "1", 10);
  Note(start + "2", 20);
  ASSERT_EQ(keys_.Top().size(), 2U);
  EXPECT_EQ(keys_.Top()[0].key, std::string(BiggestKeys::kLongestKey, 'x'));
}

}  // namespace
}  // namespace ringproxy::ring
