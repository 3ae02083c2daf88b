#include "ring/hash.h"

#include <gtest/gtest.h>

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

TEST(Hash, Fnv1a64GivesItsPublishedValues) {
  EXPECT_EQ(Hash(HashAlgorithm::kFnv1a64, ""), 0xcbf29ce484222325);
  EXPECT_EQ(Hash(HashAlgorithm::kFnv1a64, "a"), 0xaf63dc4c8601ec8c);
  EXPECT_EQ(Hash(HashAlgorithm::kFnv1a64, "foobar"), 0x85944171f73967e8);
}

// Trap 31: read as signed characters, bytes above 0x7f would flip the hash's upper bits.
TEST(Hash, Fnv1a64ReadsBytesAsUnsigned) {
  EXPECT_EQ(Hash(HashAlgorithm::kFnv1a64, "\xff"), (0xcbf29ce484222325 ^ 0xff) * 0x100000001b3);
}

TEST(Hash, ReadsZeroBytesLikeAnyOther) {
  for (const HashAlgorithm algorithm : {HashAlgorithm::kXxh3, HashAlgorithm::kFnv1a64}) {
    EXPECT_NE(Hash(algorithm, std::string("a\0b", 3)), Hash(algorithm, std::string("a\0c", 3)));
    EXPECT_NE(Hash(algorithm, std::string("\0", 1)), Hash(algorithm, ""));
  }
}

struct TagCase {
  std::string_view key, hashed;
};

// Trap 21: the first opening brace, the first closing one after it, and something between; else the whole key.
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
