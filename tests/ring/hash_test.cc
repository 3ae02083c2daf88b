#include "ring/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/golden.h"

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

struct HashCase {
  HashAlgorithm algorithm;
  std::string_view key;
  uint64_t hash;
};

// Published values, as far as the names mean what they say.
TEST(Hash, GivesThePublishedValuesOfEachFunction) {
  constexpr HashCase kCases[] = {
      {HashAlgorithm::kFnv1a32, "foobar", 0xbf9cf968},  // FNV's own test vectors
      {HashAlgorithm::kFnv132, "foobar", 0x31f0b262},
      {HashAlgorithm::kFnv1a64, "foobar", 0xf73967e8},    // 0x85944171f73967e8
      {HashAlgorithm::kFnv164, "foobar", 0xa4dda9c2},     // 0x340d8765a4dda9c2
      {HashAlgorithm::kCrc32a, "123456789", 0xcbf43926},  // CRC catalogue: CRC-32/ISO-HDLC
      {HashAlgorithm::kCrc32, "123456789", 0xcbf4 & 0x7fff},
      {HashAlgorithm::kCrc16, "123456789", 0x869031c3},  // its low half is CRC-16/XMODEM
      {HashAlgorithm::kOneAtATime, "a", 0xca2e9442},     // Jenkins
      {HashAlgorithm::kOneAtATime, "The quick brown fox jumps over the lazy dog", 0x519e91f5},
  };
  for (const HashCase& c : kCases) {
    EXPECT_EQ(Hash(c.algorithm, c.key), c.hash) << c.key;
  }
}

// semantics.md 31: characters are signed in twemproxy.
TEST(Hash, ReadsBytesAsTwemproxyDoes) {
  EXPECT_EQ(Hash(HashAlgorithm::kFnv1a32, "\xff"), static_cast<uint32_t>((0x811c9dc5 ^ 0xffffffff) * 0x01000193U));
  EXPECT_EQ(Hash(HashAlgorithm::kCrc32a, "\xff"), 0xff000000U);
}

// Of each length once a key that can be typed and once one of any bytes; then the bytes alone.
std::vector<std::string> KeysOfEveryLengthAndByte() {
  constexpr size_t kLongest = 40;
  std::mt19937 random(1);
  std::vector<std::string> keys;
  for (size_t length = 2; length <= kLongest; ++length) {
    std::string typed, any;
    for (size_t i = 0; i < length; ++i) {
      typed += static_cast<char>('!' + random() % ('~' - '!' + 1));
      any += static_cast<char>(random());
    }
    keys.insert(keys.end(), {typed, any});
  }
  for (int byte = 0; byte < 256; ++byte) keys.emplace_back(1, static_cast<char>(byte));
  return keys;
}

std::string Hex(uint64_t value, size_t digits) {
  std::string text(digits, '0');
  for (; value > 0; value >>= 4) text[--digits] = "0123456789abcdef"[value & 0xf];
  return text;
}

// The end-to-end tests hold the same file against the real nutcracker: here is which of the two has changed.
TEST(Hash, GivesTwemproxysValuesForKeysOfEveryLengthAndByte) {
  constexpr std::pair<std::string_view, HashAlgorithm> kHashes[] = {{"one_at_a_time", HashAlgorithm::kOneAtATime},
                                                                    {"md5", HashAlgorithm::kMd5},
                                                                    {"crc16", HashAlgorithm::kCrc16},
                                                                    {"crc32", HashAlgorithm::kCrc32},
                                                                    {"crc32a", HashAlgorithm::kCrc32a},
                                                                    {"fnv1_64", HashAlgorithm::kFnv164},
                                                                    {"fnv1a_64", HashAlgorithm::kFnv1a64},
                                                                    {"fnv1_32", HashAlgorithm::kFnv132},
                                                                    {"fnv1a_32", HashAlgorithm::kFnv1a32},
                                                                    {"hsieh", HashAlgorithm::kHsieh},
                                                                    {"murmur", HashAlgorithm::kMurmur},
                                                                    {"jenkins", HashAlgorithm::kJenkins}};
  std::string text = "key";
  for (const auto& [name, algorithm] : kHashes) text += " " + std::string(name);
  for (const std::string& key : KeysOfEveryLengthAndByte()) {
    text += "\n";
    for (const char c : key) text += Hex(static_cast<unsigned char>(c), 2);
    for (const auto& [name, algorithm] : kHashes) text += " " + Hex(Hash(algorithm, key), 8);
  }
  test::ExpectGolden("tests/golden/ring/twemproxy_hashes.txt", text + "\n");
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
