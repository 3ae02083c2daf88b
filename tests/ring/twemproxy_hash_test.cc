#include "ring/twemproxy_hash.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ring/hash.h"
#include "tests/support/golden.h"

namespace ringproxy::ring {
namespace {

struct HashCase {
  HashAlgorithm algorithm;
  std::string_view key;
  uint64_t hash;
};

// Published values, as far as the names mean what they say.
TEST(TwemproxyHash, GivesThePublishedValuesOfEachFunction) {
  constexpr HashCase kCases[] = {
      {HashAlgorithm::kFnv1a32, "foobar", 0xbf9cf968},  // FNV's own test vectors
      {HashAlgorithm::kFnv132, "foobar", 0x31f0b262},
      {HashAlgorithm::kFnv1a64, "foobar", 0xf73967e8},    // 0x85944171f73967e8
      {HashAlgorithm::kFnv164, "foobar", 0xa4dda9c2},     // 0x340d8765a4dda9c2
      {HashAlgorithm::kCrc32a, "123456789", 0xcbf43926},  // CRC catalogue: CRC-32/ISO-HDLC
      {HashAlgorithm::kCrc32, "123456789", 0xcbf4 & 0x7fff},
      {HashAlgorithm::kCrc16, "123456789", 0x869031c3},  // its low half is CRC-16/XMODEM
      {HashAlgorithm::kCrc16Xmodem, "123456789", 0x31c3},
      {HashAlgorithm::kOneAtATime, "a", 0xca2e9442},  // Jenkins
      {HashAlgorithm::kOneAtATime, "The quick brown fox jumps over the lazy dog", 0x519e91f5},
  };
  for (const HashCase& c : kCases) {
    EXPECT_EQ(Hash(c.algorithm, c.key), c.hash) << c.key;
  }
}

// semantics.md 31: characters are signed in twemproxy.
TEST(TwemproxyHash, ReadsBytesAsTwemproxyDoes) {
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
TEST(TwemproxyHash, GivesTwemproxysValuesForKeysOfEveryLengthAndByte) {
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

TEST(TwemproxyHash, OfTheEmptyKeyIsWhereEachFunctionBegins) {
  EXPECT_EQ(Fnv1a32(""), 0x811c9dc5U);
  EXPECT_EQ(Fnv132(""), 0x811c9dc5U);
  EXPECT_EQ(Fnv1a64(""), 0x84222325U);  // The low half of 0xcbf29ce484222325.
  EXPECT_EQ(Fnv164(""), 0x84222325U);
  EXPECT_EQ(Crc16(""), 0U);
  EXPECT_EQ(Crc32(""), 0U);
  EXPECT_EQ(Crc32a(""), 0U);
  EXPECT_EQ(Murmur(""), 0U);
  EXPECT_EQ(Hsieh(""), 0U);
  EXPECT_EQ(Jenkins(""), 0xdeadbeefU + 13);
  EXPECT_EQ(OneAtATime(""), 0U);
}

TEST(TwemproxyHash, OfCrc32IsFifteenBitsOfCrc32a) {
  for (const std::string& key : KeysOfEveryLengthAndByte()) {
    EXPECT_EQ(Crc32(key), Crc32a(key) >> 16 & 0x7fff);
  }
}

TEST(TwemproxyHash, ReadsTheLastBytesOfAKeyWhateverItsLength) {
  using Function = uint32_t (*)(std::string_view);
  for (const Function function :
       {Fnv1a64, Fnv1a32, Fnv164, Fnv132, Crc16, Crc32a, Murmur, Hsieh, Jenkins, OneAtATime}) {
    for (size_t length = 1; length <= 30; ++length) {
      const std::string key(length, 'k');
      std::string other = key;
      other.back() = 'l';
      EXPECT_NE(function(key), function(other)) << length;
    }
  }
}

}  // namespace
}  // namespace ringproxy::ring
