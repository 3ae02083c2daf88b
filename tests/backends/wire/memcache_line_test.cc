#include "backends/wire/memcache_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ringproxy::wire {
namespace {

std::vector<std::string_view> Words(const MemcacheLine& line) {
  std::vector<std::string_view> words;
  for (size_t i = 0; i < line.size(); ++i) words.push_back(line[i]);
  return words;
}

TEST(MemcacheLine, SplitsAtSpacesHoweverManyTheyAre) {
  MemcacheLine line;
  ASSERT_TRUE(line.Split("get a  bc   d"));
  EXPECT_THAT(Words(line), testing::ElementsAre("get", "a", "bc", "d"));
  ASSERT_TRUE(line.Split("  version "));
  EXPECT_THAT(Words(line), testing::ElementsAre("version"));
  EXPECT_EQ(line.text(), "version ");
  EXPECT_EQ(line.indent(), 2U);
}

TEST(MemcacheLine, HasNoWordsWhenThereAreOnlySpaces) {
  MemcacheLine line;
  for (const char* text : {"", " ", "    "}) {
    EXPECT_FALSE(line.Split(text));
    EXPECT_EQ(line.size(), 0U);
  }
}

TEST(MemcacheLine, KnowsWhereEachWordLiesInWhatItWasGiven) {
  const std::string_view given = "   set key  7";
  MemcacheLine line;
  ASSERT_TRUE(line.Split(given));
  for (size_t i = 0; i < line.size(); ++i) {
    EXPECT_EQ(given.substr(line.PlaceOf(i).offset, line.PlaceOf(i).size), line[i]);
    EXPECT_EQ(line.words()[i].offset + line.indent(), line.PlaceOf(i).offset);
    EXPECT_EQ(line.SizeOf(i), line[i].size());
  }
}

TEST(MemcacheLine, ForgetsItsLastWordOnRequest) {
  MemcacheLine line;
  ASSERT_TRUE(line.Split("delete a noreply"));
  line.DropLast();
  EXPECT_THAT(Words(line), testing::ElementsAre("delete", "a"));
}

TEST(MemcacheLine, KeepsNoRoomForManyWordsAfterThem) {
  MemcacheLine line;
  std::string many = "get";
  for (int i = 0; i < 100'000; ++i) many += " k";
  ASSERT_TRUE(line.Split(many));
  EXPECT_EQ(line.size(), 100'001U);
  ASSERT_TRUE(line.Split("get k"));
  EXPECT_LE(line.words().capacity(), 4096U);
}

}  // namespace
}  // namespace ringproxy::wire
