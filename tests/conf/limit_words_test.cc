#include "conf/limit_words.h"

#include <gtest/gtest.h>

namespace ringproxy::conf {
namespace {

std::string ProblemOf(const Words& words) {
  const Result<LimitPer, Problem> per = ParsePer(words);
  return per.ok() ? "" : per.errors().text;
}

TEST(ParsePer, ReadsEachWordAndKeepsTheirOrder) {
  const LimitPer per = *ParsePer({"prefix(8)", "user", "client_ip", "connection"});
  EXPECT_TRUE(per.connection && per.client_ip && per.user);
  EXPECT_FALSE(per.key);
  EXPECT_EQ(per.prefix, 8U);
  EXPECT_EQ(per.order,
            (std::vector<PerWord>{PerWord::kPrefix, PerWord::kUser, PerWord::kClientIp, PerWord::kConnection}));
  EXPECT_TRUE(ParsePer({"key"})->key);
  EXPECT_EQ(*ParsePer({}), LimitPer{});
}

TEST(ParsePer, TakesPrefixesFromOneByteToTheLongest) {
  EXPECT_EQ(ParsePer({"prefix(1)"})->prefix, 1U);
  EXPECT_EQ(ParsePer({"prefix(1024)"})->prefix, 1024U);
  EXPECT_EQ(ProblemOf({"prefix(0)"}), "prefix(0) has 0 bytes; it may be 1 to 1024");
  EXPECT_EQ(ProblemOf({"prefix(1025)"}), "prefix(1025) has 1025 bytes; it may be 1 to 1024");
  for (const char* word : {"prefix()", "prefix(x)", "prefix(-1)", "prefix(99999999999999999999)"}) {
    EXPECT_NE(ProblemOf({word}).find("lacks a number of bytes, as in prefix(8)"), std::string::npos) << word;
  }
}

TEST(ParsePer, RefusesUnknownRepeatedAndIdleWords) {
  for (const char* word : {"ip", "prefix", "prefix(8", "Key", ""}) {
    EXPECT_NE(ProblemOf({word}).find("it may be connection, client_ip, user, key or prefix(N)"), std::string::npos);
  }
  EXPECT_EQ(ProblemOf({"user", "user"}), "user is given twice");
  EXPECT_EQ(ProblemOf({"prefix(1)", "prefix(2)"}), "prefix(2) is given twice");
  EXPECT_EQ(ProblemOf({"key", "prefix(2)"}), "key and prefix(N) do not go together: every key has its prefix");
}

TEST(CheckCommandWord, AcceptsNamesSubcommandsAndClasses) {
  for (const char* word : {"get", "config|get", "json.get", "write", "cluster|count-failure-reports", "gat"}) {
    EXPECT_FALSE(CheckCommandWord(word).has_value()) << word;
  }
}

TEST(CheckCommandWord, RefusesWhatNoCommandIsCalled) {
  for (const char* word : {"", "GET", "config get", "config|", "|get", "a|b|c", "get\n", "@write"}) {
    EXPECT_TRUE(CheckCommandWord(word).has_value()) << word;
  }
  EXPECT_EQ(CheckCommandWord("GET")->text,
            "GET is no command; they are written in lower case, as in get or config|get");
}

}  // namespace
}  // namespace ringproxy::conf
