#include "backends/wire/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::wire {
namespace {

TEST(Glob, MatchesWhatRedisMatches) {
  for (const auto& [pattern, text] : {std::pair{"", ""},
                                      {"*", ""},
                                      {"*", "get"},
                                      {"g?t", "get"},
                                      {"G*T", "get"},
                                      {"get", "GET"},
                                      {"*et", "getget"},
                                      {"x*d", "xgroup|setid"},
                                      {"**e**", "get"},
                                      {"[a-h]et", "get"},
                                      {"[h-a]et", "get"},
                                      {"[^a-f]et", "get"},
                                      {"[xg]et", "get"},
                                      {"[g", "g"},
                                      {"\\*", "*"},
                                      {"[\\]]", "]"},
                                      {"get\\", "get\\"}}) {
    EXPECT_TRUE(MatchesGlob(pattern, text, Case::kIgnored)) << pattern << " " << text;
  }
}

TEST(Glob, MatchesNothingElse) {
  for (const auto& [pattern, text] : {std::pair{"", "get"},
                                      {"g?t", "gt"},
                                      {"ge", "get"},
                                      {"gett", "get"},
                                      {"*a", "get"},
                                      {"[^g]et", "get"},
                                      {"[a-c]et", "get"},
                                      {"[", "g"},
                                      {"\\*", "g"},
                                      {"a*b*c", "acb"}}) {
    EXPECT_FALSE(MatchesGlob(pattern, text, Case::kIgnored)) << pattern << " " << text;
  }
}

TEST(Glob, StaysCheapWhateverThePattern) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesGlob(pattern + "b", std::string(3000, 'a'), Case::kIgnored));
}

TEST(Glob, TellsLettersApartWhereTheirCaseMatters) {
  EXPECT_TRUE(MatchesGlob("Cart:[A-C]?", "Cart:Bx", Case::kMatters));
  EXPECT_FALSE(MatchesGlob("Cart:*", "cart:1", Case::kMatters));
  EXPECT_FALSE(MatchesGlob("[a-c]", "B", Case::kMatters));
}

}  // namespace
}  // namespace ringproxy::wire
