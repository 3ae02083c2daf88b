#include "backends/wire/inline_request.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

using namespace std::literals;
using Strings = std::vector<std::string>;

// The words of the line, or that it is refused.
Strings WordsOf(std::string_view line) {
  std::string encoded = "old";
  std::vector<ArgumentSpan> spans = {{1, 2}};
  if (!EncodeInline(line, &encoded, &spans)) return {"refused"};
  Strings words;
  for (const ArgumentSpan& span : spans) words.push_back(encoded.substr(span.offset, span.size));
  return words;
}

TEST(InlineRequest, ReadsWordsAsRedisDoes) {
  const std::pair<std::string_view, Strings> kLines[] = {
      {"PING", {"PING"}},
      {"  SET\tk \v v  ", {"SET", "k", "v"}},
      {"PING \"a b\"", {"PING", "a b"}},
      {"PING 'a\\'b\\n\"'", {"PING", "a'b\\n\""}},
      {"PING \"\\x41\\n\\r\\t\\b\\a\\q\\\"\\\\\\xZZ\\x4\"", {"PING", "A\n\r\t\b\aq\"\\xZZx4"}},
      {"PING a\"b c\"", {"PING", "ab c"}},
      {"PING a'b c'", {"PING", "ab c"}},
      {"PING \"\" ''", {"PING", "", ""}},
      {"\"PING\" \"x\"\v", {"PING", "x"}},
      {"PING a\rb", {"PING", "a", "b"}},
      {"PING a\vb\fc", {"PING", "a\vb\fc"}},
      {"PING \"a\\x00b\"", {"PING", "a\0b"s}},
      {"\xff\xfe", {"\xff\xfe"}},
      {"$3", {"$3"}},
  };
  for (const auto& [line, words] : kLines) EXPECT_EQ(WordsOf(line), words) << line;
}

TEST(InlineRequest, RefusesAQuoteThatIsLeftOpenOrEndsNoWord) {
  for (const std::string_view line : {"PING \"a\"b", "PING \"a", "PING 'a", "PING 'a'b", "PING a\"b", "PING \"a\\",
                                      "PING 'a\\'", "PING a\"b c\"d", "\"", "'", "a '"}) {
    EXPECT_EQ(WordsOf(line), Strings{"refused"}) << line;
  }
}

TEST(InlineRequest, ReadsBytesInHexadecimalOfAnyCase) {
  EXPECT_EQ(WordsOf("\"\\x0a\\xFf\\xAb\""), Strings{"\x0a\xff\xab"});
  EXPECT_EQ(WordsOf("\"\\x4\""), Strings{"x4"});
  EXPECT_EQ(WordsOf("\"\\xg0\""), Strings{"xg0"});
  EXPECT_EQ(WordsOf("'\\x41'"), Strings{"\\x41"});  // Only between double quotes.
}

TEST(InlineRequest, HasNoWordsInALineOfBlanks) {
  for (const std::string_view line : {"", " ", "\t \v\f\r"}) {
    std::string encoded = "old";
    std::vector<ArgumentSpan> spans = {{1, 2}};
    EXPECT_TRUE(EncodeInline(line, &encoded, &spans));
    EXPECT_EQ(encoded, "");
    EXPECT_TRUE(spans.empty());
  }
}

TEST(InlineRequest, IsEncodedAsTheArrayThatAClientWouldHaveSent) {
  std::string encoded;
  std::vector<ArgumentSpan> spans;
  ASSERT_TRUE(EncodeInline("set key0123456 \"\"", &encoded, &spans));
  EXPECT_EQ(encoded, "*3\r\n$3\r\nset\r\n$10\r\nkey0123456\r\n$0\r\n\r\n");
  ASSERT_EQ(spans.size(), 3U);
  EXPECT_EQ(spans[1].offset, encoded.find("key"));
  EXPECT_EQ(spans[1].size, 10U);
  EXPECT_EQ(spans[2].size, 0U);
}

TEST(InlineRequest, FindsWordsBehindAHeaderOfAnyLength) {
  std::string line;
  for (int i = 0; i < 1234; ++i) line += " w" + std::to_string(i);
  const Strings words = WordsOf(line);
  ASSERT_EQ(words.size(), 1234U);
  EXPECT_EQ(words[0], "w0");
  EXPECT_EQ(words[1233], "w1233");
}

}  // namespace
}  // namespace ringproxy::wire
