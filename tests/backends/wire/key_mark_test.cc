#include "backends/wire/key_mark.h"

#include <gtest/gtest.h>

#include <string>

namespace ringproxy::wire {
namespace {

TEST(KeyMark, IsOfAGetOfOneKeyAlone) {
  EXPECT_NE(KeyMarkOf("get k\r\n"), 0);
  EXPECT_EQ(KeyMarkOf("gets k\r\n"), KeyMarkOf("get k\r\n"));
  for (const char* other : {"get a b\r\n", "get  k\r\n", "get k \r\n", "gat 0 k\r\n", "mg k v\r\n", "getx k\r\n", "get",
                            "get \r\n", "set get 0 0 1\r\nx\r\n", ""}) {
    EXPECT_EQ(KeyMarkOf(other), 0) << other;
  }
}

TEST(KeyMark, FitsTheValueOfItsKey) {
  for (int i = 0; i < 100'000; ++i) {
    const std::string key = "key:" + std::to_string(i);
    const uint16_t mark = KeyMarkOf("get " + key + "\r\n");
    ASSERT_NE(mark, 0);
    ASSERT_FALSE(NamesAnotherKey("VALUE " + key + " 0 1\r\nx\r\nEND\r\n", mark)) << key;
  }
}

TEST(KeyMark, TellsNearlyEveryOtherKey) {
  const uint16_t mark = KeyMarkOf("get key\r\n");
  int alike = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (!NamesAnotherKey("VALUE key:" + std::to_string(i) + " 0 1\r\nx\r\nEND\r\n", mark)) ++alike;
  }
  EXPECT_LE(alike, 5);
}

TEST(KeyMark, SaysNothingOfMissesAndErrors) {
  for (const char* reply : {"END\r\n", "ERROR\r\n", "SERVER_ERROR out of memory\r\n", "VALUE"}) {
    EXPECT_FALSE(NamesAnotherKey(reply, KeyMarkOf("get k\r\n"))) << reply;
  }
}

}  // namespace
}  // namespace ringproxy::wire
