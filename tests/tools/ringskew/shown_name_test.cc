#include "tools/ringskew/shown_name.h"

#include <gtest/gtest.h>

namespace ringproxy::ringskew {
namespace {

TEST(ShownName, LeavesTextAsItIs) {
  for (const char* text : {"", "user:1", "a b", "café ключ 鍵 🔑", "back\\slash"}) EXPECT_EQ(ShownName(text), text);
}

TEST(ShownName, LeavesNothingThatATerminalObeys) {
  EXPECT_EQ(ShownName("\x1b]0;owned\x07\x1b[2J"), "\\x1b]0;owned\\x07\\x1b[2J");
  EXPECT_EQ(ShownName(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(ShownName("a\r\n\t\x7f"), "a\\x0d\\x0a\\x09\\x7f");
  // CSI as one character of C1: many terminals take it for ESC [.
  EXPECT_EQ(ShownName("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");
}

TEST(ShownName, LeavesNothingThatTurnsTheDirectionOrHides) {
  EXPECT_EQ(ShownName("a\xe2\x80\xae"
                      "rtl"),
            "a\\xe2\\x80\\xaertl");
  EXPECT_EQ(ShownName("\xe2\x81\xa6x\xe2\x80\xa8y\xe2\x80\x8bz"), "\\xe2\\x81\\xa6x\\xe2\\x80\\xa8y\\xe2\\x80\\x8bz");
}

TEST(ShownName, IsAlwaysUtf8) {
  EXPECT_EQ(ShownName("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(ShownName("a\xc3"), "a\\xc3");                  // Cut off.
  EXPECT_EQ(ShownName("\xc0\xaf"), "\\xc0\\xaf");           // Overlong.
  EXPECT_EQ(ShownName("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // Half of a surrogate pair.
  EXPECT_EQ(ShownName("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(ShownName, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(ShownName("abcdef", 6), "abcdef");
  EXPECT_EQ(ShownName("abcdef", 5), "abcde…");
  EXPECT_EQ(ShownName("abcdé", 5), "abcd…");
}

TEST(ShownLines, KeepLineEnds) {
  EXPECT_EQ(ShownLines("a\x1b\nb\n"), "a\\x1b\nb\n");
}

}  // namespace
}  // namespace ringproxy::ringskew
