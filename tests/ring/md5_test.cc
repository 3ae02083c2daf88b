#include "ring/md5.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::ring {
namespace {

using Digest = std::array<uint32_t, 4>;

// RFC 1321, section A.5, whose digests are written byte by byte: 900150983cd24fb0d6963f7d28e17f72.
TEST(Md5, GivesTheDigestsOfItsRfcAsLittleEndianWords) {
  EXPECT_EQ(Md5(""), (Digest{0xd98c1dd4, 0x04b2008f, 0x980980e9, 0x7e42f8ec}));
  EXPECT_EQ(Md5("abc"), (Digest{0x98500190, 0xb04fd23c, 0x7d3f96d6, 0x727fe128}));
  EXPECT_EQ(Md5("message digest"), (Digest{0x7d696bf9, 0x8d93b77c, 0x312f5a52, 0xd061f1aa}));
}

TEST(Md5, ReadsZeroBytesLikeAnyOther) {
  EXPECT_NE(Md5(std::string("a\0b", 3)), Md5(std::string("a\0c", 3)));
  EXPECT_NE(Md5(std::string("\0", 1)), Md5(""));
}

}  // namespace
}  // namespace ringproxy::ring
