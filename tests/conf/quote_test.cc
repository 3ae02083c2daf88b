#include "conf/quote.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringproxy::conf {
namespace {

TEST(Quote, LeavesShortPrintableTextAsItIs) {
  EXPECT_EQ(Quote("64KB"), "64KB");
  EXPECT_EQ(Quote("two words"), "two words");
  EXPECT_EQ(Quote("größe"), "größe");
}

TEST(Quote, MakesEveryTextFitInOneLine) {
  EXPECT_EQ(Quote(""), "\"\"");
  EXPECT_EQ(Quote(" a"), "\" a\"");
  EXPECT_EQ(Quote("a\nb"), "\"a\\x0ab\"");
  EXPECT_EQ(Quote(std::string_view("\0\x7f", 2)), "\"\\x00\\x7f\"");
  EXPECT_EQ(Quote(std::string(1'000'000, 'x')), "\"" + std::string(50, 'x') + "...\"");
}

TEST(Quote, NeverCutsInsideACharacter) {
  EXPECT_EQ(Quote(std::string(49, 'x') + "ü and more"), "\"" + std::string(49, 'x') + "...\"");
}

TEST(Nearest, FindsTheWordThatWasMeant) {
  const std::vector<std::string_view> words = {"connect", "request", "timeouts", "pool"};
  EXPECT_EQ(Nearest("conect", words), "connect");
  EXPECT_EQ(Nearest("reqeust", words), "request");
  EXPECT_EQ(Nearest("timeout", words), "timeouts");
  EXPECT_EQ(Nearest("pools", words), "pool");
}

TEST(Nearest, DoesNotGuessAtAnotherWord) {
  const std::vector<std::string_view> words = {"auth", "ring"};
  EXPECT_EQ(Nearest("health", words), "");
  EXPECT_EQ(Nearest("", words), "");
  EXPECT_EQ(Nearest("x", words), "");
  EXPECT_EQ(Nearest(std::string(1'000'000, 'a'), words), "");
}

TEST(JoinWords, PutsTheLastWordBehindTheConjunction) {
  const std::vector<std::string_view> words = {"a", "b", "c"};
  EXPECT_EQ(JoinWords(words, "or"), "a, b or c");
  EXPECT_EQ(JoinWords({words.data(), 2}, "and"), "a and b");
  EXPECT_EQ(JoinWords({words.data(), 1}, "or"), "a");
}

}  // namespace
}  // namespace ringproxy::conf
