#include "backends/wire/meta_flags.h"

#include <gtest/gtest.h>

namespace ringproxy::wire {
namespace {

MetaFlags FlagsOf(std::string_view text, size_t first = 2) {
  MemcacheLine line;
  EXPECT_TRUE(line.Split(text));
  return ReadMetaFlags(line, first);
}

TEST(MetaFlags, AreNoneInALineWithoutThoseThatConcernTheProxy) {
  for (const char* text : {"mg b", "mg key v t O123 s N30", "mg q Bq kb"}) {
    const MetaFlags flags = FlagsOf(text, text[3] == 'q' ? 3 : 2);
    EXPECT_FALSE(flags.base64 || flags.has_cas || flags.quiet_twice) << text;
    EXPECT_EQ(flags.quiet, 0U) << text;
  }
}

TEST(MetaFlags, AreKnownByTheirFirstLetterWhateverFollowsIt) {
  EXPECT_TRUE(FlagsOf("mg key b").base64);
  EXPECT_TRUE(FlagsOf("mg key v k").wants_key);
  EXPECT_FALSE(FlagsOf("mg key v").wants_key);
  for (const char* text : {"mg key c", "ms key 3 C12", "ms key 3 T0 E99"}) EXPECT_TRUE(FlagsOf(text).has_cas) << text;
}

TEST(MetaFlags, SayWhichWordIsQuietAndThatASecondOneCame) {
  const MetaFlags once = FlagsOf("mg key v q k");
  EXPECT_EQ(once.quiet, 3U);
  EXPECT_FALSE(once.quiet_twice);
  EXPECT_TRUE(once.wants_key);
  const MetaFlags twice = FlagsOf("mg key q v q k");
  EXPECT_EQ(twice.quiet, 2U);
  EXPECT_TRUE(twice.quiet_twice);
}

TEST(MetaFlags, BeginWhereTheCommandsWordsEnd) {
  EXPECT_EQ(FlagsOf("ms q 2 b q", 3).quiet, 4U);
  EXPECT_FALSE(FlagsOf("ms b 2 q", 3).base64);
}

}  // namespace
}  // namespace ringproxy::wire
