#include "proxy/route/script_texts.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace ringproxy::proxy {
namespace {

constexpr uint64_t kShop = 1;
constexpr uint64_t kWeb = 2;

ScriptText TextOf(size_t bytes) {
  return std::make_shared<const std::string>(bytes, 'x');
}

TEST(ScriptTexts, FindsWhatItHasLearntInItsScope) {
  ScriptTexts texts(1 << 20);
  texts.Learn(kShop, "a", TextOf(10));
  ASSERT_NE(texts.Find(kShop, "a"), nullptr);
  EXPECT_EQ(texts.Find(kShop, "a")->text->size(), 10U);
  EXPECT_EQ(texts.Find(kShop, "b"), nullptr);
  EXPECT_EQ(texts.Find(kWeb, "a"), nullptr);
  EXPECT_TRUE(texts.Knows(kShop, "a"));
  EXPECT_FALSE(texts.Knows(kWeb, "a"));
}

TEST(ScriptTexts, ForgetsTheScopesThatAreNamed) {
  ScriptTexts texts(1 << 20);
  for (const uint64_t scope : {kShop, kWeb}) texts.Learn(scope, "a", TextOf(10));
  const uint64_t scopes[] = {kShop};
  texts.Forget(scopes);
  EXPECT_FALSE(texts.Knows(kShop, "a"));
  EXPECT_TRUE(texts.Knows(kWeb, "a"));
  EXPECT_EQ(texts.count(), 1U);
}

TEST(ScriptTexts, KeepsTheBoundWhateverItIsTold) {
  constexpr size_t kMost = 64 << 10;
  ScriptTexts texts(kMost);
  texts.ResetMarks(100);
  for (int i = 0; i < 10'000; ++i) {
    texts.Learn(kShop, std::to_string(i), TextOf(static_cast<size_t>(i) % 5000));
    ASSERT_LE(texts.bytes(), kMost);
  }
  EXPECT_GT(texts.count(), 1U);
  EXPECT_TRUE(texts.Knows(kShop, "9999"));
  EXPECT_FALSE(texts.Knows(kShop, "0"));
}

TEST(ScriptTexts, LetsTheLeastRecentlyUsedGoFirst) {
  ScriptTexts texts(4000);
  for (const char* sha : {"a", "b", "c"}) texts.Learn(kShop, sha, TextOf(900));
  texts.Find(kShop, "a");
  texts.Learn(kShop, "d", TextOf(900));
  EXPECT_TRUE(texts.Knows(kShop, "a"));
  EXPECT_FALSE(texts.Knows(kShop, "b"));
  EXPECT_TRUE(texts.Knows(kShop, "c"));
}

TEST(ScriptTexts, DoesNotThrowAllAwayForATextThatIsTooLarge) {
  ScriptTexts texts(4000);
  texts.Learn(kShop, "a", TextOf(900));
  EXPECT_FALSE(texts.MayHold(4000));
  texts.Learn(kShop, "b", TextOf(4000));
  EXPECT_TRUE(texts.Knows(kShop, "a"));
  EXPECT_FALSE(texts.Knows(kShop, "b"));
}

TEST(ScriptTexts, AProposedTextIsItsLanesAlone) {
  ScriptTexts texts(1 << 20);
  ASSERT_NE(texts.Propose(kShop, "a", TextOf(10), 7), nullptr);
  EXPECT_TRUE(texts.Find(kShop, "a")->MayUse(7));
  EXPECT_FALSE(texts.Find(kShop, "a")->MayUse(8));
  EXPECT_FALSE(texts.Knows(kShop, "a"));
  texts.Learn(kShop, "a", TextOf(10));
  EXPECT_TRUE(texts.Knows(kShop, "a"));
  EXPECT_TRUE(texts.Find(kShop, "a")->MayUse(8));
  texts.Withdraw(kShop, "a");
  EXPECT_TRUE(texts.Knows(kShop, "a"));
  texts.Propose(kShop, "b", TextOf(10), 7);
  texts.Withdraw(kShop, "b");
  EXPECT_EQ(texts.Find(kShop, "b"), nullptr);
}

TEST(ScriptTexts, CountsTheMarksOfAllNodesAndForgetsThemWhenTheNodesAreOthers) {
  ScriptTexts texts(1 << 20);
  texts.ResetMarks(2);
  texts.Learn(kShop, "a", TextOf(10));
  const size_t before = texts.bytes();
  texts.Find(kShop, "a")->marks[1] = {LoadMark::LoadState::kLoaded, {}, 7};
  EXPECT_TRUE(texts.Find(kShop, "a")->marks[1].IsLoaded(7));
  EXPECT_FALSE(texts.Find(kShop, "a")->marks[1].IsLoaded(8));
  texts.ResetMarks(3);
  EXPECT_GT(texts.bytes(), before);
  EXPECT_EQ(texts.Find(kShop, "a")->marks.size(), 3U);
  EXPECT_FALSE(texts.Find(kShop, "a")->marks[1].IsLoaded(7));
}

}  // namespace
}  // namespace ringproxy::proxy
