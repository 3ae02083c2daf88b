#include "ring/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <utility>

namespace ringproxy::ring {
namespace {

TEST(Hash, Xxh3GivesItsPublishedValues) {
  EXPECT_EQ(Hash(HashAlgorithm::kXxh3, ""), 0x2d06800538d394c2);
  EXPECT_EQ(Hash(HashAlgorithm::kXxh3, "a"), 0xe6c632b61e964e1f);
  EXPECT_EQ(Hash(HashAlgorithm::kXxh3, "abc"), 0x78af5f94892f3950);
}

// xxHash's own self-test, on its buffer of pseudo-random bytes: one value at least for each length at which xxh3
// changes its method. A library that computes one of them otherwise would move every key of such a length.
TEST(Hash, Xxh3GivesItsPublishedValuesAtEveryLengthClass) {
  std::string buffer;
  uint64_t generator = 2654435761;
  for (int i = 0; i < 2048; ++i) {
    buffer += static_cast<char>(generator >> 56);
    generator *= 11400714785074694797U;
  }
  constexpr std::pair<size_t, uint64_t> kValues[] = {
      {1, 0xc44bdff4074eecdb},   {6, 0x27b56a84cd2d7325},   {12, 0xa713daf0dfbb77e7},  {24, 0xa3fe70bf9d3510eb},
      {48, 0x397da259ecba1f11},  {80, 0xbcdefbbb2c47c90a},  {195, 0xcd94217ee362ec3a}, {403, 0xcdeb804d65c6dea4},
      {512, 0x617e49599013cb6b}, {2048, 0xdd59e2c3a5f038e0}};
  for (const auto& [length, value] : kValues) {
    EXPECT_EQ(Hash(HashAlgorithm::kXxh3, std::string_view(buffer).substr(0, length)), value) << length << " bytes";
  }
}

TEST(Hash, Xxh64GivesItsPublishedValues) {
  EXPECT_EQ(Hash(HashAlgorithm::kXxh64, ""), 0xef46db3751d8e999);
  EXPECT_EQ(Hash(HashAlgorithm::kXxh64, "abc"), 0x44bc2cf5ad770999);
}

// RFC 1321, section A.5: 900150983cd24fb0 …, read as a little-endian word.
TEST(Hash, Md5IsTheFirstWordOfTheDigest) {
  EXPECT_EQ(Hash(HashAlgorithm::kMd5, "abc"), 0x98500190);
  EXPECT_EQ(Hash(HashAlgorithm::kMd5, ""), 0xd98c1dd4);
}

TEST(Hash, ReadsZeroBytesLikeAnyOther) {
  for (const HashAlgorithm algorithm : {HashAlgorithm::kXxh3, HashAlgorithm::kFnv1a64, HashAlgorithm::kMurmur,
                                        HashAlgorithm::kHsieh, HashAlgorithm::kJenkins}) {
    EXPECT_NE(Hash(algorithm, std::string("a\0b", 3)), Hash(algorithm, std::string("a\0c", 3)));
  }
}

TEST(Hash, FillsAsManyBitsAsItSays) {
  for (int name = static_cast<int>(HashAlgorithm::kXxh3); name <= static_cast<int>(HashAlgorithm::kOneAtATime);
       ++name) {
    const auto algorithm = static_cast<HashAlgorithm>(name);
    if (algorithm == HashAlgorithm::kCrc16) continue;  // Its upper half is not to be relied on.
    uint64_t seen = 0;
    for (int i = 0; i < 2000; ++i) seen |= Hash(algorithm, "key:" + std::to_string(i));
    EXPECT_EQ(std::bit_width(seen), static_cast<int>(HashBits(algorithm))) << name;
  }
}

struct TagCase {
  std::string_view key, hashed;
};

// semantics.md 21: the first opening brace, the first closing one after it, and something between; else the whole key.
TEST(HashTag, FollowsTheRuleOfRedisCluster) {
  constexpr TagCase kCases[] = {
      {"", ""},
      {"key", "key"},
      {"{user1}:name", "user1"},
      {"name:{user1}", "user1"},
      {"{a}", "a"},
      {"{}", "{}"},
      {"{}key", "{}key"},
      {"{}{a}", "{}{a}"},
      {"{a", "{a"},
      {"a}", "a}"},
      {"}{", "}{"},
      {"}{a}", "a"},
      {"{a}{b}", "a"},
      {"{a}{", "a"},
      {"{{a}}", "{a"},
      {"{a{b}c}", "a{b"},
      {"{{}", "{"},
      {"{ }", " "},
  };
  for (const auto& [key, hashed] : kCases) EXPECT_EQ(HashTag(key, "{}"), hashed) << key;
}

TEST(HashTag, IsBinarySafe) {
  const std::string key("x{a\0b}y", 7);
  EXPECT_EQ(HashTag(key, "{}"), std::string_view("a\0b", 3));
}

TEST(HashTag, TakesAnyTwoCharacters) {
  EXPECT_EQ(HashTag("[a]{b}", "[]"), "a");
  EXPECT_EQ(HashTag("x$user$y", "$$"), "user");
  EXPECT_EQ(HashTag("x$$y", "$$"), "x$$y");
}

TEST(HashTag, HashesTheWholeKeyWithoutATag) {
  EXPECT_EQ(HashTag("{a}b", ""), "{a}b");
}

}  // namespace
}  // namespace ringproxy::ring
