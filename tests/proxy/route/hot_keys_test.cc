#include "proxy/route/hot_keys.h"

#include <gtest/gtest.h>

#include <array>
#include <charconv>

#include "proxy/route/database_key.h"
#include "tests/support/zipf_keys.h"

namespace ringproxy::proxy {
namespace {

TEST(HotKeys, FindsAPoolsHotKeyAmongManyColdOnes) {
  HotKeys keys(2);
  for (int i = 0; i < 100'000; ++i) {
    keys.Note(1, "cold:" + std::to_string(i), 0);
    if (i % 4 == 0) keys.Note(1, "hot", 0);
  }
  const auto view = keys.View();
  EXPECT_TRUE(view->pools[0].top.empty());
  ASSERT_FALSE(view->pools[1].top.empty());
  EXPECT_EQ(view->pools[1].top[0].key, "hot");
  const double share = static_cast<double>(view->pools[1].top[0].count) / static_cast<double>(view->pools[1].total);
  EXPECT_NEAR(share, 0.2, 0.02);
  EXPECT_NEAR(static_cast<double>(view->pools[1].total), 125'000, 2'500);
}

TEST(HotKeys, CountsEqualKeysOfTwoDatabasesApart) {
  HotKeys keys(1);
  for (int i = 0; i < 3'000; ++i) {
    keys.Note(0, "k", 0);
    if (i % 3 == 0) keys.Note(0, "k", 7);
  }
  const auto view = keys.View();
  ASSERT_EQ(view->pools[0].top.size(), 2U);
  EXPECT_EQ(view->pools[0].top[0].key, "k");
  EXPECT_EQ(view->pools[0].top[1].key, DatabaseKey(7, "k").text());
}

// A fixed step of sixteen would see one place of this pipeline only.
TEST(HotKeys, SeesEveryPlaceOfARepeatingPipeline) {
  HotKeys keys(1);
  for (int round = 0; round < 20'000; ++round) {
    for (int i = 0; i < 16; ++i) keys.Note(0, "key" + std::to_string(i), 0);
  }
  const auto view = keys.View();
  ASSERT_EQ(view->pools[0].top.size(), 16U);
  const double fair = static_cast<double>(view->pools[0].total) / 16;
  for (const auto& hitter : view->pools[0].top)
    EXPECT_NEAR(static_cast<double>(hitter.count) / fair, 1, 0.15) << hitter.key;
}

// Ten million requests of a million keys; one in sixteen is looked at. The 20th and the 21st key differ by 5 %, and of
// the 2,000 looks at each chance takes or gives 3 %: a confused pair is 0.05 of one seed.
TEST(HotKeys, ListsTheTopTwentyOfAZipfLoad) {
  constexpr size_t kMost = 20;
  constexpr int kSeeds = 6;
  double recall = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    HotKeys keys(1);
    test::ZipfKeys requests(1'000'000, 0.99, static_cast<uint64_t>(seed));
    std::array<char, 16> text{'k'};
    for (int i = 0; i < 10'000'000; ++i) {
      const char* const end = std::to_chars(text.data() + 1, text.data() + text.size(), requests.Next()).ptr;
      keys.Note(0, {text.data(), end}, 0);
    }
    const auto view = keys.View();
    for (size_t i = 0; i < kMost; ++i) {
      if (std::stoul(view->pools[0].top.at(i).key.substr(1)) < kMost) recall += 1.0 / (kMost * kSeeds);
    }
    EXPECT_EQ(view->pools[0].top[0].key, "k0") << seed;
  }
  EXPECT_GE(recall, 0.99);
}

TEST(HotKeys, ForgetsWithinMinutes) {
  HotKeys keys(1);
  for (int i = 0; i < 16'000; ++i) keys.Note(0, "yesterday", 0);
  for (int second = 0; second < 600; ++second) keys.Tick();
  EXPECT_TRUE(keys.View()->pools[0].top.empty());
}

}  // namespace
}  // namespace ringproxy::proxy
