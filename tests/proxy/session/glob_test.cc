#include "proxy/session/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::proxy {
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
    EXPECT_TRUE(MatchesGlob(pattern, text)) << pattern << " " << text;
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
    EXPECT_FALSE(MatchesGlob(pattern, text)) << pattern << " " << text;
  }
}

TEST(Glob, StaysCheapWhateverThePattern) {
  std::string pattern;
  for (int i = 0; i < 2000; ++i) pattern += "*a";
  EXPECT_FALSE(MatchesGlob(pattern + "b", std::string(3000, 'a')));
}

}  // namespace
}  // namespace ringproxy::proxy
