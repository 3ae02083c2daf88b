#include "ring/sha1.h"

#include <gtest/gtest.h>

namespace ringproxy::ring {
namespace {

TEST(Sha1, IsThatOfFips180InLowerCase) {
  EXPECT_EQ(Sha1Hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(Sha1Hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

TEST(Sha1, NamesAScriptAsRedisDoes) {
  EXPECT_EQ(Sha1Hex("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
}

}  // namespace
}  // namespace ringproxy::ring
