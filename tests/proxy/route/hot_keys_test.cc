#include "proxy/route/hot_keys.h"

#include <gtest/gtest.h>

namespace ringproxy::proxy {
namespace {

TEST(HotKeys, FindsAPoolsHotKeyAmongManyColdOnes) {
  HotKeys keys(2);
  for (int i = 0; i < 100'000; ++i) {
    keys.Note(1, "cold:" + std::to_string(i));
    if (i % 4 == 0) keys.Note(1, "hot");
  }
  const auto view = keys.View();
  EXPECT_TRUE(view->pools[0].top.empty());
  ASSERT_FALSE(view->pools[1].top.empty());
  EXPECT_EQ(view->pools[1].top[0].key, "hot");
  const double share = static_cast<double>(view->pools[1].top[0].count) / static_cast<double>(view->pools[1].total);
  EXPECT_NEAR(share, 0.2, 0.02);
  EXPECT_NEAR(static_cast<double>(view->pools[1].total), 125'000, 2'500);
}

// A fixed step of sixteen would see one place of this pipeline only.
TEST(HotKeys, SeesEveryPlaceOfARepeatingPipeline) {
  HotKeys keys(1);
  for (int round = 0; round < 20'000; ++round) {
    for (int i = 0; i < 16; ++i) keys.Note(0, "key" + std::to_string(i));
  }
  const auto view = keys.View();
  ASSERT_EQ(view->pools[0].top.size(), 16U);
  const double fair = static_cast<double>(view->pools[0].total) / 16;
  for (const auto& hitter : view->pools[0].top)
    EXPECT_NEAR(static_cast<double>(hitter.count) / fair, 1, 0.15) << hitter.key;
}

TEST(HotKeys, ForgetsWithinMinutes) {
  HotKeys keys(1);
  for (int i = 0; i < 16'000; ++i) keys.Note(0, "yesterday");
  for (int second = 0; second < 600; ++second) keys.Tick();
  EXPECT_TRUE(keys.View()->pools[0].top.empty());
}

}  // namespace
}  // namespace ringproxy::proxy
